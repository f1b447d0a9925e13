; Programs as data: eval, load, and what they share with the program that calls them.
(define (show . xs) (for-each (lambda (x) (write x) (display " ")) xs) (newline))
(show (eval '(+ 1 2)) (eval '(let loop ((i 0)) (if (= i 5) i (loop (+ i 1)))) (interaction-environment)) (eval ''(a . b)) (eval "s"))
(define x 10)
(show (eval '(* x x)) (eval '(begin (set! x 11) x)) x)
(eval '(define (twice f) (lambda (y) (f (f y)))))
(show ((eval '(twice (lambda (n) (* n n)))) 3) ((eval '(lambda (f) (f x))) (lambda (n) (+ n 1))))

(define path (string-append "/tmp/scheme-load-" (number->string (random 1000000000)) "-" (number->string (exact (floor (* 1000 (current-second)))))))
(call-with-output-file path
  (lambda (out)
    (write '(define (loaded n) (if (= n 0) '() (cons (* n x) (loaded (- n 1))))) out)
    (write '(define table (make-equal-hash-table)) out)
    (write '(hash-table-set! table "key" (loaded 3)) out)))
(load path)
(delete-file path)
(show (eval '(hash-table-ref table "key")) (eval '(loaded 4)))

; Code that comes and goes while objects do: deep frames of evaluated procedures are found by the collector.
(define (deep n)
  (eval (list 'define (list 'f 'k) (list 'if '(= k 0) ''() (list 'cons (list 'vector 'k n) '(f (- k 1)))))))
(define (rounds n sum)
  (if (= n 0)
      sum
      (begin
        (deep n)
        (rounds (- n 1) (+ sum (apply + (map (lambda (v) (vector-ref v 1)) (eval '(f 200)))))))))
(show (rounds 10 0))
