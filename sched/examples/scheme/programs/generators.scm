; A generator leaves the walk of a tree at each leaf, and goes on in it when it is asked again.
(define (make-generator walk)
  (define return #f)
  (define (yield x)
    (call/cc (lambda (next)
               (set! resume (lambda () (next #f)))
               (return x))))
  (define resume (lambda () (walk yield) (return 'end)))
  (lambda ()
    (call/cc (lambda (k) (set! return k) (resume)))))

(define (leaves tree)
  (make-generator
   (lambda (yield)
     (let walk ((t tree))
       (cond ((null? t) #f)
             ((pair? t) (walk (car t)) (walk (cdr t)))
             (else (yield t)))))))

(define (all g)
  (let ((x (g))) (if (eq? x 'end) '() (cons x (all g)))))

(display (all (leaves '((1 2) (3 (4 5)) () 6)))) (newline)

(define (same-fringe? a b)
  (let ((a (leaves a)) (b (leaves b)))
    (let loop ()
      (let ((x (a)) (y (b)))
        (cond ((not (eqv? x y)) #f)
              ((eq? x 'end) #t)
              (else (loop)))))))
(display (same-fringe? '(1 (2 3)) '((1 2) 3))) (newline)
(display (same-fringe? '(1 (2 3)) '((1 3) 2))) (newline)

; Deep below: the frames above are captured once.
(define (deep n g) (if (= n 0) (all g) (let ((r (deep (- n 1) g))) (cons n r))))
(define big (leaves (iota 100)))
(display (length (deep 1000 big))) (newline)
