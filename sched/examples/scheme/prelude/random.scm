; Sources of random bits (SRFI 27). The default one is the language's own; the others are vectors with a state, which multiplies and adds as
; Knuth's MMIX does.

(define default-random-source 'default-random-source)
(define (make-random-source) (vector default-random-source 1))

(define (random-source? object)
  (or (eq? object default-random-source)
      (and (vector? object)
           (= (vector-length object) 2)
           (eq? (vector-ref object 0) default-random-source))))

(define (random-source-state-ref source) (and (vector? source) (vector-ref source 1)))
(define (random-source-state-set! source state) (if (vector? source) (vector-set! source 1 state)))

(define (random-source-randomize! source)
  (if (random-source-state-ref source)
      (random-source-state-set! source (random-integer 18446744073709551616))))

(define (random-source-pseudo-randomize! source i j)
  (random-source-state-set! source (modulo (+ (* 6364136223846793005 (+ i 1)) (* 1442695040888963407 (+ j 1))) 18446744073709551616)))

; 32 bits, the upper half of the next state.
(define (%next-bits! source)
  (let ((next (modulo (+ (* 6364136223846793005 (random-source-state-ref source)) 1442695040888963407) 18446744073709551616)))
    (random-source-state-set! source next)
    (quotient next 4294967296)))

; At least as many bits as the limit has, and 64 more.
(define (%random-below source limit)
  (let gather ((bound limit) (n (%next-bits! source)))
    (if (> bound 0)
        (gather (quotient bound 4294967296) (+ (* n 4294967296) (%next-bits! source)))
        (modulo (+ (* n 4294967296) (%next-bits! source)) limit))))

(define (random-source-make-integers source)
  (lambda (limit)
    (if (random-source-state-ref source) (%random-below source limit) (random-integer limit))))

(define (random-source-make-reals source . unit)
  (lambda ()
    (if (random-source-state-ref source)
        (/ (+ 1. (%random-below source 9007199254740990)) 9007199254740992.)
        (random-real))))
