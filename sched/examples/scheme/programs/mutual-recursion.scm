; Procedures that call each other, at top level and inside.
(define (my-even? n) (if (= n 0) #t (my-odd? (- n 1))))
(define (my-odd? n) (if (= n 0) #f (my-even? (- n 1))))
(display (list (my-even? 1000000) (my-odd? 1000000))) (newline)

(define (parity n)
  (letrec ((even (lambda (n) (if (= n 0) 'even (odd (- n 1)))))
           (odd (lambda (n) (if (= n 0) 'odd (even (- n 1))))))
    (even n)))
(display (map parity '(0 1 7 10))) (newline)

; Hofstadter's female and male sequences: neither call is a tail call.
(define (female n) (if (= n 0) 1 (- n (male (female (- n 1))))))
(define (male n) (if (= n 0) 0 (- n (female (male (- n 1))))))
(display (map female (iota 16))) (newline)
(display (map male (iota 16))) (newline)

; A recogniser with a procedure for each state.
(define (balanced? s)
  (define end (string-length s))
  (define (outside i)
    (cond ((= i end) #t)
          ((char=? (string-ref s i) #\() (let ((after (inside (+ i 1)))) (and after (outside after))))
          (else #f)))
  (define (inside i)
    (cond ((= i end) #f)
          ((char=? (string-ref s i) #\)) (+ i 1))
          ((char=? (string-ref s i) #\() (let ((after (inside (+ i 1)))) (and after (inside after))))
          (else #f)))
  (outside 0))
(display (map balanced? '("" "()" "(()())()" "(()" "())" ")("))) (newline)
