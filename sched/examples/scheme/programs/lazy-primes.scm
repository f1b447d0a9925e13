; An endless sieve of promises.
(define (from n) (cons-stream n (from (+ n 1))))
(define (tail s) (force (cdr s)))
(define (keep ok? s) (if (ok? (car s)) (cons-stream (car s) (keep ok? (tail s))) (keep ok? (tail s))))
(define (sieve s) (cons-stream (car s) (sieve (keep (lambda (x) (not (= 0 (remainder x (car s))))) (tail s)))))
(define (take s n) (if (= n 0) '() (cons (car s) (take (tail s) (- n 1)))))
(display (take (sieve (from 2)) 30)) (newline)
(define fibs (cons-stream 0 (cons-stream 1 (let add ((a fibs) (b (tail fibs))) (cons-stream (+ (car a) (car b)) (add (tail a) (tail b)))))))
(display (take fibs 20)) (newline)
