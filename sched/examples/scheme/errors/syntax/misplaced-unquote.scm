(define x 1)\n(display '(1 ,x))\n(display (list 1 ,x))
