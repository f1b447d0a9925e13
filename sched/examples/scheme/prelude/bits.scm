; Integers as bits (SRFI 60): two's complement without end.

(define (logand . all) (apply bitwise-and all))
(define (logior . all) (apply bitwise-ior all))
(define (logxor . all) (apply bitwise-xor all))
(define (lognot n) (bitwise-not n))
(define (ash n count) (arithmetic-shift n count))
(define (logcount n) (bit-count n))
(define (bitwise-if mask a b) (bitwise-ior (bitwise-and mask a) (bitwise-and (bitwise-not mask) b)))
(define (bitwise-merge mask a b) (bitwise-if mask a b))
(define (any-bits-set? a b) (not (= (bitwise-and a b) 0)))
(define (logtest a b) (any-bits-set? a b))
(define (bit-set? index n) (odd? (arithmetic-shift n (- index))))
(define (logbit? index n) (bit-set? index n))

; The index of the lowest bit that is set, -1 for 0.
(define (first-set-bit n)
  (if (= n 0) -1 (- (integer-length (bitwise-and n (- n))) 1)))
(define (log2-binary-factors n) (first-set-bit n))

(define (copy-bit index n bit)
  (let ((one (arithmetic-shift 1 index)))
    (if bit (bitwise-ior n one) (bitwise-and n (bitwise-not one)))))

(define (%ones count) (- (arithmetic-shift 1 count) 1))

(define (bit-field n start end)
  (bitwise-and (%ones (- end start)) (arithmetic-shift n (- start))))

(define (copy-bit-field to from start end)
  (bitwise-if (arithmetic-shift (%ones (- end start)) start) (arithmetic-shift from start) to))

(define (rotate-bit-field n count start end)
  (let ((width (- end start)))
    (if (= width 0)
        n
        (let ((field (bit-field n start end)) (left (modulo count width)))
          (copy-bit-field n
            (bitwise-ior (bitwise-and (%ones width) (arithmetic-shift field left)) (arithmetic-shift field (- left width)))
            start end)))))

(define (reverse-bit-field n start end)
  (do ((field (bit-field n start end) (arithmetic-shift field -1))
       (i start (+ i 1))
       (reversed 0 (bitwise-ior (arithmetic-shift reversed 1) (bitwise-and field 1))))
      ((= i end) (copy-bit-field n reversed start end))))

(define (integer->list n . length)
  (do ((i (if (null? length) (integer-length n) (car length)) (- i 1))
       (n n (arithmetic-shift n -1))
       (bits '() (cons (odd? n) bits)))
      ((= i 0) bits)))

(define (list->integer bits)
  (do ((bits bits (cdr bits))
       (n 0 (+ (* 2 n) (if (car bits) 1 0))))
      ((null? bits) n)))

(define (booleans->integer . bits) (list->integer bits))
