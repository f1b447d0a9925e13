; Counting alkanes: radicals (rooted trees of degree three) and from them the molecules, by centroid. Exact arithmetic, vectors, recursion.
(define size 25)
(define radicals (make-vector (+ size 1) 0))
(define (choose-2 n) (quotient (* n (+ n 1)) 2))
(define (choose-3 n) (quotient (* n (+ n 1) (+ n 2)) 6))
(define (choose-4 n) (quotient (* n (+ n 1) (+ n 2) (+ n 3)) 24))
(define (r n) (vector-ref radicals n))
; Multisets of three radicals with n atoms altogether.
(define (triples n most)
  (let loop ((a 0) (sum 0))
    (if (> (* 3 a) n)
        sum
        (loop (+ a 1)
              (+ sum
                 (let inner ((b a) (sum 0))
                   (let ((c (- n a b)))
                     (if (< c b)
                         sum
                         (inner (+ b 1)
                                (if (> c most)
                                    sum
                                    (+ sum
                                       (cond ((= a b c) (choose-3 (r a)))
                                             ((= a b) (* (choose-2 (r a)) (r c)))
                                             ((= b c) (* (r a) (choose-2 (r b))))
                                             (else (* (r a) (r b) (r c)))))))))))))))
(vector-set! radicals 0 1)
(do ((n 1 (+ n 1))) ((> n size)) (vector-set! radicals n (triples (- n 1) n)))
; Multisets of four radicals, none larger than `most`.
(define (quadruples n most)
  (let loop ((a 0) (sum 0))
    (if (> (* 4 a) n)
        sum
        (loop (+ a 1) (+ sum (with-smallest a n most))))))
(define (with-smallest a n most)
  (let loop ((same 1) (sum 0))
    (if (or (> same 4) (> (* same a) n))
        sum
        (loop (+ same 1)
              (+ sum (* (case same ((1) (r a)) ((2) (choose-2 (r a))) ((3) (choose-3 (r a))) (else (choose-4 (r a))))
                        (others (- n (* same a)) (- 4 same) (+ a 1) most)))))))
; Multisets of `count` radicals of n atoms, each of at least `least` and at most `most` atoms.
(define (others n count least most)
  (cond ((= count 0) (if (= n 0) 1 0))
        ((or (> (* count least) n) (> least most)) 0)
        (else
         (let loop ((same 0) (sum 0))
           (if (or (> same count) (> (* same least) n))
               sum
               (loop (+ same 1)
                     (+ sum (* (case same ((0) 1) ((1) (r least)) ((2) (choose-2 (r least))) ((3) (choose-3 (r least))) (else (choose-4 (r least))))
                               (others (- n (* same least)) (- count same) (+ least 1) most)))))))))
(define (alkanes n)
  (+ (quadruples (- n 1) (quotient (- n 1) 2))
     (if (even? n) (choose-2 (r (quotient n 2))) 0)))
(write (map alkanes (iota 20 1))) (newline)
(write (alkanes size)) (newline)
