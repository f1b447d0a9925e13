; Strings made and dropped in great number; only one survives.
(define (repeat s n) (if (= n 0) "" (string-append s (repeat s (- n 1)))))
(display (string-length (repeat "abc" 2000))) (newline)

; Ever longer strings: each is garbage as soon as the next exists.
(define (grow n)
  (let loop ((i 0) (s ""))
    (if (= i n) s (loop (+ i 1) (string-append s (number->string (modulo i 10)))))))
(define long (grow 3000))
(display (string-length long)) (newline)
(display (substring long 0 20)) (newline)

(define (count-char c s)
  (let loop ((i 0) (n 0))
    (cond ((= i (string-length s)) n)
          ((char=? c (string-ref s i)) (loop (+ i 1) (+ n 1)))
          (else (loop (+ i 1) n)))))
(display (count-char #\7 long)) (newline)

(define (fizzbuzz n)
  (string-join
   (map (lambda (i)
          (cond ((zero? (modulo i 15)) "FizzBuzz")
                ((zero? (modulo i 5)) "Buzz")
                ((zero? (modulo i 3)) "Fizz")
                (else (number->string i))))
        (iota n 1))
   " "))
(display (fizzbuzz 20)) (newline)
(define (pad s width) (if (>= (string-length s) width) s (pad (string-append " " s) width)))
(do ((i 1 (+ i 1))) ((> i 4))
  (do ((j 1 (+ j 1))) ((> j 4))
    (display (pad (number->string (* i j)) 4)))
  (newline))
