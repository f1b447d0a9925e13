; A hundred thousand frames at once.
(define (sum-to n) (if (= n 0) 0 (+ n (sum-to (- n 1)))))
(display (sum-to 100000)) (newline)

; Each frame holds a pair that only it refers to; all are made on the way down and read on the way up.
(define (hold n)
  (if (= n 0)
      0
      (let ((mine (cons n 1)))
        (let ((below (hold (- n 1))))
          (+ (cdr mine) (if (= (car mine) n) below -1000000000))))))
(display (hold 100000)) (newline)

; The same list again, by three deep library procedures.
(define numbers (iota 50000))
(display (fold-right + 0 (append (map 1+ numbers) numbers))) (newline)
(display (length (list-copy (filter even? numbers)))) (newline)

; Down and up again, many times from the same base.
(define (depth n) (if (= n 0) 0 (+ 1 (depth (- n 1)))))
(display (let again ((k 0) (total 0)) (if (= k 100) total (again (+ k 1) (+ total (depth (* k 100))))))) (newline)
