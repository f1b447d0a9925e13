; Strings, symbols and vectors: what is made of the primitives.

(define (string-null? s) (= (string-length s) 0))
(define (string-reverse s) (list->string (reverse (string->list s))))
(define (string-head s end) (substring s 0 end))
(define (string-tail s start) (substring s start (string-length s)))
(define (string-concatenate strings) (apply string-append strings))

; `n` characters wide: padded with blanks, or cut off, on the left.
(define (string-pad-left s n . fill)
  (let ((length (string-length s)) (c (if (null? fill) #\space (car fill))))
    (if (>= length n)
        (substring s (- length n) length)
        (string-append (make-string (- n length) c) s))))

(define (string-pad-right s n . fill)
  (let ((length (string-length s)) (c (if (null? fill) #\space (car fill))))
    (if (>= length n)
        (substring s 0 n)
        (string-append s (make-string (- n length) c)))))

(define (string-prefix? prefix s)
  (let ((n (string-length prefix)))
    (and (<= n (string-length s)) (string=? prefix (substring s 0 n)))))

(define (string-suffix? suffix s)
  (let ((n (string-length suffix)) (length (string-length s)))
    (and (<= n length) (string=? suffix (substring s (- length n) length)))))

(define (string-contains s pattern) (string-search-forward pattern s 0))
(define (string-search-all pattern s)
  (let search ((start 0))
    (let ((found (string-search-forward pattern s start)))
      (if found (cons found (search (+ found 1))) '()))))

(define (symbol-append . symbols)
  (string->symbol (apply string-append (map symbol->string symbols))))

(define (symbol<? a b) (string<? (symbol->string a) (symbol->string b)))
(define (generate-uninterned-symbol . hint) (gensym))
(define (string->uninterned-symbol name) (gensym name))

(define (subvector v start end) (vector-copy v start end))
(define (vector-head v end) (vector-copy v 0 end))
(define (vector-tail v start) (vector-copy v start))
(define (vector-first v) (vector-ref v 0))
(define (vector-last v) (vector-ref v (- (vector-length v) 1)))
(define (subvector->list v start end) (vector->list v start end))
(define (list->bytevector bytes) (apply bytevector bytes))
(define (bytevector-u8-fill! b value) (bytevector-fill! b value))
