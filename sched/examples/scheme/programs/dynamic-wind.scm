; R7RS 6.10: connect, talk, disconnect, again.
(display
 (let ((path '()) (c #f))
   (let ((add (lambda (s) (set! path (cons s path)))))
     (dynamic-wind
      (lambda () (add 'connect))
      (lambda () (add (call/cc (lambda (c0) (set! c c0) 'talk1))))
      (lambda () (add 'disconnect)))
     (if (< (length path) 4)
         (c 'talk2)
         (reverse path)))))
(newline)
(define trace '())
(define (note x) (set! trace (cons x trace)))
(define (show) (display (reverse trace)) (newline) (set! trace '()))
; Escapes run the inner thunks first.
(call/cc
 (lambda (k)
   (dynamic-wind
    (lambda () (note 'in1))
    (lambda ()
      (dynamic-wind (lambda () (note 'in2)) (lambda () (k 'gone)) (lambda () (note 'out2))))
    (lambda () (note 'out1)))))
(show)
; From one wind into its neighbour: what both have around them is neither left nor entered.
(let ((back #f) (count 0))
  (dynamic-wind
   (lambda () (note 'in))
   (lambda ()
     (dynamic-wind (lambda () (note 'a+)) (lambda () (call/cc (lambda (k) (set! back k)))) (lambda () (note 'a-)))
     (set! count (+ count 1))
     (if (< count 3)
         (dynamic-wind (lambda () (note 'b+)) (lambda () (back #f)) (lambda () (note 'b-)))))
   (lambda () (note 'out))))
(show)
; An error inside is handled outside.
(guard (e (#t (note 'handled)))
  (dynamic-wind (lambda () (note 'before)) (lambda () (car 1)) (lambda () (note 'after))))
(show)
(display (call-with-values (lambda () (dynamic-wind void (lambda () (values 1 2)) void)) list)) (newline)
