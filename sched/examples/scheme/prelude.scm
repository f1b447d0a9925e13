; The library: what programs expect beyond the primitives.
;
; It is written in Scheme, not in Rust, so that a deep recursion through `map` or `fold-right` has
; compiled frames only, with exact maps of their roots; a Rust frame among them would have to be
; scanned conservatively and each time.
;
; `map`, `append` and their kin recurse where they could loop and reverse: their depth is
; the length of the list, as written. Programs cannot change what is defined here: one that redefines a
; name gets a variable of its own.

;; Pairs

(define (caar x) (car (car x)))
(define (cadr x) (car (cdr x)))
(define (cdar x) (cdr (car x)))
(define (cddr x) (cdr (cdr x)))

(define (caaar x) (car (caar x)))
(define (caadr x) (car (cadr x)))
(define (cadar x) (car (cdar x)))
(define (caddr x) (car (cddr x)))
(define (cdaar x) (cdr (caar x)))
(define (cdadr x) (cdr (cadr x)))
(define (cddar x) (cdr (cdar x)))
(define (cdddr x) (cdr (cddr x)))

(define (caaaar x) (car (caaar x)))
(define (caaadr x) (car (caadr x)))
(define (caadar x) (car (cadar x)))
(define (caaddr x) (car (caddr x)))
(define (cadaar x) (car (cdaar x)))
(define (cadadr x) (car (cdadr x)))
(define (caddar x) (car (cddar x)))
(define (cadddr x) (car (cdddr x)))
(define (cdaaar x) (cdr (caaar x)))
(define (cdaadr x) (cdr (caadr x)))
(define (cdadar x) (cdr (cadar x)))
(define (cdaddr x) (cdr (caddr x)))
(define (cddaar x) (cdr (cdaar x)))
(define (cddadr x) (cdr (cdadr x)))
(define (cdddar x) (cdr (cddar x)))
(define (cddddr x) (cdr (cdddr x)))

;; Lists

; The hare goes two steps where the tortoise goes one; in a circular list they meet.
(define (list? x)
  (let race ((hare x) (tortoise x))
    (cond ((null? hare) #t)
          ((not (pair? hare)) #f)
          ((null? (cdr hare)) #t)
          ((not (pair? (cdr hare))) #f)
          ((eq? (cddr hare) (cdr tortoise)) #f)
          (else (race (cddr hare) (cdr tortoise))))))

(define (length list)
  (let count ((rest list) (n 0))
    (if (null? rest) n (count (cdr rest) (+ n 1)))))

(define (make-list n . fill)
  (let ((element (if (null? fill) (void) (car fill))))
    (do ((i 0 (+ i 1)) (list '() (cons element list)))
        ((>= i n) list))))

(define (list-tabulate n f)
  (do ((i (- n 1) (- i 1)) (list '() (cons (f i) list)))
      ((< i 0) list)))

(define (iota n . start+step)
  (let* ((start (if (null? start+step) 0 (car start+step)))
         (step (if (or (null? start+step) (null? (cdr start+step))) 1 (cadr start+step))))
    (list-tabulate n (lambda (i) (+ start (* i step))))))

(define (cons* first . rest)
  (let walk ((first first) (rest rest))
    (if (null? rest) first (cons first (walk (car rest) (cdr rest))))))

(define (%append2 front back)
  (if (null? front) back (cons (car front) (%append2 (cdr front) back))))

(define (append . lists)
  (let walk ((lists lists))
    (cond ((null? lists) '())
          ((null? (cdr lists)) (car lists))
          (else (%append2 (car lists) (walk (cdr lists)))))))

(define (append-reverse list tail)
  (if (null? list) tail (append-reverse (cdr list) (cons (car list) tail))))

(define (reverse list) (append-reverse list '()))

(define (list-copy list)
  (if (pair? list) (cons (car list) (list-copy (cdr list))) list))

(define (list-tail list k)
  (if (= k 0) list (list-tail (cdr list) (- k 1))))

(define (list-head list k)
  (if (= k 0) '() (cons (car list) (list-head (cdr list) (- k 1)))))

(define (list-ref list k) (car (list-tail list k)))

(define (list-set! list k value) (set-car! (list-tail list k) value))

(define (last-pair list)
  (if (pair? (cdr list)) (last-pair (cdr list)) list))

(define (last list) (car (last-pair list)))

(define (first list) (car list))
(define (second list) (cadr list))
(define (third list) (caddr list))

;; Searching

(define (memq x list)
  (cond ((null? list) #f)
        ((eq? x (car list)) list)
        (else (memq x (cdr list)))))

(define (memv x list)
  (cond ((null? list) #f)
        ((eqv? x (car list)) list)
        (else (memv x (cdr list)))))

(define (member x list . same?)
  (let ((same? (if (null? same?) equal? (car same?))))
    (let search ((list list))
      (cond ((null? list) #f)
            ((same? x (car list)) list)
            (else (search (cdr list)))))))

(define (assq key alist)
  (cond ((null? alist) #f)
        ((eq? key (caar alist)) (car alist))
        (else (assq key (cdr alist)))))

(define (assv key alist)
  (cond ((null? alist) #f)
        ((eqv? key (caar alist)) (car alist))
        (else (assv key (cdr alist)))))

(define (assoc key alist . same?)
  (let ((same? (if (null? same?) equal? (car same?))))
    (let search ((alist alist))
      (cond ((null? alist) #f)
            ((same? key (caar alist)) (car alist))
            (else (search (cdr alist)))))))

(define (find accept? list)
  (cond ((null? list) #f)
        ((accept? (car list)) (car list))
        (else (find accept? (cdr list)))))

(define (find-tail accept? list)
  (cond ((null? list) #f)
        ((accept? (car list)) list)
        (else (find-tail accept? (cdr list)))))

(define (list-index accept? list)
  (let search ((list list) (k 0))
    (cond ((null? list) #f)
          ((accept? (car list)) k)
          (else (search (cdr list) (+ k 1))))))

;; Higher order. Arguments are evaluated from left to right here, whatever a compiler does with calls.

(define (%map1 f list)
  (if (null? list)
      '()
      (let ((first (f (car list))))
        (cons first (%map1 f (cdr list))))))

(define (%any-null? lists)
  (and (pair? lists)
       (or (null? (car lists)) (%any-null? (cdr lists)))))

; Several lists: as far as the shortest goes.
(define (map f list . more)
  (if (null? more)
      (%map1 f list)
      (let walk ((lists (cons list more)))
        (if (%any-null? lists)
            '()
            (let ((first (apply f (%map1 car lists))))
              (cons first (walk (%map1 cdr lists))))))))

(define (for-each f list . more)
  (if (null? more)
      (let walk ((list list))
        (if (not (null? list))
            (begin (f (car list)) (walk (cdr list)))))
      (let walk ((lists (cons list more)))
        (if (not (%any-null? lists))
            (begin
              (apply f (%map1 car lists))
              (walk (%map1 cdr lists)))))))

(define (append-map f list . more) (apply append (apply map f list more)))

(define (filter keep? list)
  (cond ((null? list) '())
        ((keep? (car list)) (cons (car list) (filter keep? (cdr list))))
        (else (filter keep? (cdr list)))))

(define (remove drop? list) (filter (lambda (x) (not (drop? x))) list))

(define (filter-map f list) (filter (lambda (x) x) (%map1 f list)))

(define (delete x list) (remove (lambda (y) (equal? x y)) list))

(define (delete-duplicates list)
  (let walk ((list list) (seen '()))
    (cond ((null? list) (reverse seen))
          ((member (car list) seen) (walk (cdr list) seen))
          (else (walk (cdr list) (cons (car list) seen))))))

; (f result element ...), from the left.
(define (fold-left f start list . more)
  (if (null? more)
      (let walk ((result start) (list list))
        (if (null? list) result (walk (f result (car list)) (cdr list))))
      (let walk ((result start) (lists (cons list more)))
        (if (%any-null? lists)
            result
            (walk (apply f result (%map1 car lists)) (%map1 cdr lists))))))

; (f element ... result), from the right.
(define (fold-right f start list . more)
  (if (null? more)
      (let walk ((list list))
        (if (null? list) start (f (car list) (walk (cdr list)))))
      (let walk ((lists (cons list more)))
        (if (%any-null? lists)
            start
            (apply f (append (%map1 car lists) (cons (walk (%map1 cdr lists)) '())))))))

; (f element result), from the left.
(define (fold f start list)
  (if (null? list) start (fold f (f (car list) start) (cdr list))))

; (f element result), from the left; `start` is for the empty list only.
(define (reduce f start list)
  (if (null? list) start (fold f (car list) (cdr list))))

(define (any accept? list)
  (and (pair? list)
       (or (accept? (car list)) (any accept? (cdr list)))))

(define (every accept? list)
  (or (null? list)
      (if (null? (cdr list))
          (accept? (car list))
          (and (accept? (car list)) (every accept? (cdr list))))))

(define (count accept? list)
  (fold (lambda (x n) (if (accept? x) (+ n 1) n)) 0 list))

;; Sorting: a stable merge sort

(define (%merge less? a b)
  (cond ((null? a) b)
        ((null? b) a)
        ((less? (car b) (car a)) (cons (car b) (%merge less? a (cdr b))))
        (else (cons (car a) (%merge less? (cdr a) b)))))

; Sorts the first n elements.
(define (%sort-head less? list n)
  (cond ((= n 0) '())
        ((= n 1) (cons (car list) '()))
        (else
         (let ((half (quotient n 2)))
           (%merge less?
                   (%sort-head less? list half)
                   (%sort-head less? (list-tail list half) (- n half)))))))

(define (list-sort less? list) (%sort-head less? list (length list)))

(define (sort sequence less?)
  (if (vector? sequence)
      (list->vector (list-sort less? (vector->list sequence)))
      (list-sort less? sequence)))

;; Numbers and booleans

(define (positive? x) (> x 0))
(define (negative? x) (< x 0))
(define (square x) (* x x))
(define (cube x) (* x x x))
(define (1+ x) (+ x 1))
(define (-1+ x) (- x 1))
(define (nan? x) (not (= x x)))
(define (infinite? x) (or (= x +inf.0) (= x -inf.0)))
(define (finite? x) (not (or (nan? x) (infinite? x))))

; Does related? hold between neighbours?
(define (%ordered? related? first rest)
  (or (null? rest)
      (and (related? first (car rest))
           (%ordered? related? (car rest) (cdr rest)))))

(define (%check-all type? all message)
  (if (not (every type? all)) (apply error message all)))

(define (boolean=? a b . more)
  (%check-all boolean? (cons* a b more) "boolean=?: not all arguments are booleans:")
  (%ordered? eq? a (cons b more)))

(define (symbol=? a b . more)
  (%check-all symbol? (cons* a b more) "symbol=?: not all arguments are symbols:")
  (%ordered? eq? a (cons b more)))

;; Characters and strings

(define (char>? first . rest) (%ordered? (lambda (a b) (char<? b a)) first rest))
(define (char<=? first . rest) (%ordered? (lambda (a b) (not (char<? b a))) first rest))
(define (char>=? first . rest) (%ordered? (lambda (a b) (not (char<? a b))) first rest))
(define (string>? first . rest) (%ordered? (lambda (a b) (string<? b a)) first rest))
(define (string<=? first . rest) (%ordered? (lambda (a b) (not (string<? b a))) first rest))
(define (string>=? first . rest) (%ordered? (lambda (a b) (not (string<? a b))) first rest))

; The value of a decimal digit, or #f.
(define (digit-value c)
  (let ((value (- (char->integer c) 48)))
    (and (>= value 0) (<= value 9) value)))

(define (string-null? s) (= (string-length s) 0))

(define (string-for-each f s . more)
  (apply for-each f (string->list s) (map string->list more)))

(define (string-map f s . more)
  (list->string (apply map f (string->list s) (map string->list more))))

(define (string-upcase s) (string-map char-upcase s))
(define (string-downcase s) (string-map char-downcase s))
(define (string-reverse s) (list->string (reverse (string->list s))))

(define (string-count s accept?) (count accept? (string->list s)))

; The index of the first character that is c, or that c accepts; or #f.
(define (string-index s c)
  (list-index (if (procedure? c) c (lambda (d) (char=? c d))) (string->list s)))

(define (string-join strings . delimiter)
  (let ((delimiter (if (null? delimiter) " " (car delimiter))))
    (if (null? strings)
        ""
        (apply string-append
               (car strings)
               (append-map (lambda (s) (list delimiter s)) (cdr strings))))))

(define (string->vector s) (list->vector (string->list s)))
(define (vector->string v) (list->string (vector->list v)))

;; Vectors

; The optional arguments of those that take a range: (start end).
(define (%range-start range) (if (null? range) 0 (car range)))
(define (%range-end range length)
  (if (or (null? range) (null? (cdr range))) length (cadr range)))

(define (vector->list v . range)
  (let ((start (%range-start range)))
    (do ((i (- (%range-end range (vector-length v)) 1) (- i 1))
         (list '() (cons (vector-ref v i) list)))
        ((< i start) list))))

(define (list->vector list)
  (let ((v (make-vector (length list))))
    (do ((i 0 (+ i 1)) (rest list (cdr rest)))
        ((null? rest) v)
      (vector-set! v i (car rest)))))

; Copies from the end that cannot overwrite what is still to be copied.
(define (vector-copy! to at from . range)
  (let* ((start (%range-start range))
         (n (- (%range-end range (vector-length from)) start)))
    (if (< at start)
        (do ((i 0 (+ i 1))) ((>= i n))
          (vector-set! to (+ at i) (vector-ref from (+ start i))))
        (do ((i (- n 1) (- i 1))) ((< i 0))
          (vector-set! to (+ at i) (vector-ref from (+ start i)))))))

(define (vector-copy v . range)
  (let* ((start (%range-start range))
         (end (%range-end range (vector-length v)))
         (copy (make-vector (- end start))))
    (vector-copy! copy 0 v start end)
    copy))

(define (subvector v start end) (vector-copy v start end))

(define (vector-append . vectors)
  (let ((all (make-vector (apply + (%map1 vector-length vectors)))))
    (let walk ((vectors vectors) (at 0))
      (if (null? vectors)
          all
          (begin
            (vector-copy! all at (car vectors))
            (walk (cdr vectors) (+ at (vector-length (car vectors)))))))))

(define (%vector-map1 f v)
  (let* ((n (vector-length v)) (result (make-vector n)))
    (do ((i 0 (+ i 1))) ((>= i n) result)
      (vector-set! result i (f (vector-ref v i))))))

(define (vector-map f v . more)
  (if (null? more)
      (%vector-map1 f v)
      (list->vector (apply map f (vector->list v) (map vector->list more)))))

(define (vector-for-each f v . more)
  (if (null? more)
      (do ((i 0 (+ i 1))) ((>= i (vector-length v)))
        (f (vector-ref v i)))
      (apply for-each f (vector->list v) (map vector->list more))))

;; Assertions

(define (assert true . irritants)
  (if (not true) (apply error "assertion failed" irritants)))
