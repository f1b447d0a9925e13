; Closures and boxes by which deep frames change what the frames above them hold, while those wait.

; Each frame has a sum of its own, which all frames below it add to.
(define (descend n report)
  (if (= n 0)
      '()
      (let ((sum 0))
        (define (add! x) (set! sum (+ sum x)) (report x))
        (let ((below (descend (- n 1) add!)))
          (report n)
          (cons sum below)))))
(define total 0)
(define sums (descend 400 (lambda (x) (set! total (+ total x)))))
; The frame of n has heard n-1, n-2 ... 1.
(display (equal? sums (map (lambda (n) (quotient (* n (- n 1)) 2)) (iota 400 400 -1)))) (newline)
(display total) (newline)

; Each frame passes a box down; the deepest fills them all with new objects.
(define (fill n boxes)
  (if (= n 0)
      (begin (for-each (lambda (box) (set-car! box (list 'filled (cdr box)))) boxes) 0)
      (let* ((box (cons #f n)) (below (fill (- n 1) (cons box boxes))))
        (if (equal? (car box) (list 'filled n)) (+ below 1) (error "not filled" box)))))
(display (fill 20000 '())) (newline)

; A frame's own variable, assigned below while the frame waits, decides what it returns.
(define (countdown n)
  (let ((seen '()))
    (define (visit k)
      (if (> k 0)
          (begin
            (set! seen (cons (list k) seen))
            (visit (- k 1))
            (set-car! (list-ref seen (- k 1)) (* k k)))))
    (visit n)
    seen))
(display (countdown 10)) (newline)
(display (length (countdown 400))) (newline)
