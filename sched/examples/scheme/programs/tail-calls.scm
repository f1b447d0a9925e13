; options: --stack-limit 2M
; Tail calls take no stack: more rounds than frames would fit, in every kind of tail position.
(define (count n) (if (= n 0) 'done (count (- n 1))))
(display (count 1000000)) (newline)

(define (through-cond n)
  (cond ((= n 0) 'cond)
        ((even? n) (through-cond (- n 1)))
        (else (let ((m (- n 1))) (through-and m)))))
(define (through-and n) (and #t (or #f (through-when n))))
(define (through-when n) (when #t (through-case n)))
(define (through-case n)
  (case n
    ((0) 'case)
    (else (begin 1 (let* ((m (- n 1))) (letrec ((x 1)) (if (< m 0) 'below (through-cond m))))))))
(display (through-cond 300000)) (newline)

; Through apply, and through a closure that is passed along.
(define (by-apply n) (if (= n 0) 'apply (apply by-apply (list (- n 1)))))
(display (by-apply 200000)) (newline)
(define (passed f n) (if (= n 0) (f) (passed (lambda () 'closure) (- n 1))))
(display (passed #f 200000)) (newline)

; More arguments than registers, shifted in each round.
(define (rotate n a b c d e f g h)
  (if (= n 0) (list a b c d e f g h) (rotate (- n 1) b c d e f g h a)))
(display (rotate 200001 1 2 3 4 5 6 7 8)) (newline)
; From few to many arguments and back.
(define (few n) (if (= n 0) 'few (many n 1 2 3 4 5 6 7 8 9)))
(define (many n a b c d e f g h i) (few (- n (- i (+ a g)))))
(display (few 200000)) (newline)
; In continuation-passing style everything is a tail call.
(define (factorial n k) (if (= n 0) (k 1) (factorial (- n 1) (lambda (v) (k (* n v))))))
(display (factorial 15 (lambda (v) v))) (newline)
(define (sum-to n k) (if (= n 0) (k 0) (sum-to (- n 1) (lambda (v) (k (+ n v))))))
(display (sum-to 50000 (lambda (v) v))) (newline)
