; Procedures that call a procedure for the elements of lists. Elements are taken from left to right, whatever a
; compiler does with the arguments of calls.

(define (%map1 f list)
  (if (null? list)
      '()
      (let ((first (f (car list))))
        (cons first (%map1 f (cdr list))))))

(define (%map2 f a b)
  (if (or (null? a) (null? b))
      '()
      (let ((first (f (car a) (car b))))
        (cons first (%map2 f (cdr a) (cdr b))))))

(define (%any-null? lists)
  (and (pair? lists)
       (or (null? (car lists)) (%any-null? (cdr lists)))))

; Several lists: as far as the shortest goes.
(define (map f list . more)
  (cond ((null? more) (%map1 f list))
        ((null? (cdr more)) (%map2 f list (car more)))
        (else
         (let walk ((lists (cons list more)))
           (if (%any-null? lists)
               '()
               (let ((first (apply f (%map1 car lists))))
                 (cons first (walk (%map1 cdr lists)))))))))

(define (map-in-order f list . more) (apply map f list more))

(define (%for-each1 f list)
  (if (not (null? list))
      (begin (f (car list)) (%for-each1 f (cdr list)))))

(define (for-each f list . more)
  (if (null? more)
      (%for-each1 f list)
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

(define (filter! keep? list) (filter keep? list))
(define (remove drop? list) (filter (lambda (x) (not (drop? x))) list))
(define (remove! drop? list) (remove drop? list))
(define (filter-map f list . more) (filter (lambda (x) x) (apply map f list more)))

(define (delete x list . same?)
  (let ((same? (if (null? same?) equal? (car same?))))
    (remove (lambda (y) (same? x y)) list)))

(define (delete! x list . same?) (apply delete x list same?))

(define (delete-duplicates list . same?)
  (let ((same? (if (null? same?) equal? (car same?))))
    (let walk ((list list) (seen '()))
      (cond ((null? list) (reverse seen))
            ((find (lambda (x) (same? x (car list))) seen) (walk (cdr list) seen))
            ((memq (car list) seen) (walk (cdr list) seen))
            (else (walk (cdr list) (cons (car list) seen)))))))

(define (find accept? list)
  (cond ((null? list) #f)
        ((accept? (car list)) (car list))
        (else (find accept? (cdr list)))))

(define (find-tail accept? list)
  (cond ((null? list) #f)
        ((accept? (car list)) list)
        (else (find-tail accept? (cdr list)))))

(define (list-index accept? list . more)
  (let search ((lists (cons list more)) (k 0))
    (cond ((%any-null? lists) #f)
          ((apply accept? (%map1 car lists)) k)
          (else (search (%map1 cdr lists) (+ k 1))))))

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

(define (%fold1 f result list)
  (if (null? list) result (%fold1 f (f (car list) result) (cdr list))))

; (f element ... result), from the left.
(define (fold f start list . more)
  (if (null? more)
      (%fold1 f start list)
      (let walk ((result start) (lists (cons list more)))
        (if (%any-null? lists)
            result
            (walk (apply f (append (%map1 car lists) (cons result '()))) (%map1 cdr lists))))))

; (f element result), from the left; `start` is for the empty list only.
(define (reduce f start list)
  (if (null? list) start (%fold1 f (car list) (cdr list))))

; (f result element), from the left.
(define (reduce-left f start list)
  (if (null? list) start (fold-left f (car list) (cdr list))))

; (f element result), from the right.
(define (reduce-right f start list)
  (if (null? list)
      start
      (let walk ((list list))
        (if (null? (cdr list)) (car list) (f (car list) (walk (cdr list)))))))

(define (any accept? list . more)
  (if (null? more)
      (let search ((list list))
        (and (pair? list)
             (if (null? (cdr list))
                 (accept? (car list))
                 (or (accept? (car list)) (search (cdr list))))))
      (let search ((lists (cons list more)))
        (and (not (%any-null? lists))
             (or (apply accept? (%map1 car lists)) (search (%map1 cdr lists)))))))

(define (every accept? list . more)
  (if (null? more)
      (let check ((list list))
        (or (null? list)
            (if (null? (cdr list))
                (accept? (car list))
                (and (accept? (car list)) (check (cdr list))))))
      (let check ((lists (cons list more)) (last #t))
        (if (%any-null? lists)
            last
            (let ((yes (apply accept? (%map1 car lists))))
              (and yes (check (%map1 cdr lists) yes)))))))

(define (count accept? list)
  (%fold1 (lambda (x n) (if (accept? x) (+ n 1) n)) 0 list))

(define (vector-map f v . more)
  (if (null? more)
      (let* ((n (vector-length v)) (result (make-vector n)))
        (do ((i 0 (+ i 1))) ((>= i n) result)
          (vector-set! result i (f (vector-ref v i)))))
      (list->vector (apply map f (vector->list v) (map vector->list more)))))

(define (vector-for-each f v . more)
  (if (null? more)
      (do ((i 0 (+ i 1))) ((>= i (vector-length v)))
        (f (vector-ref v i)))
      (apply for-each f (vector->list v) (map vector->list more))))

(define (vector-map! f v)
  (do ((i 0 (+ i 1))) ((>= i (vector-length v)))
    (vector-set! v i (f (vector-ref v i)))))

(define (vector-tabulate f n)
  (let ((result (make-vector n)))
    (do ((i 0 (+ i 1))) ((>= i n) result)
      (vector-set! result i (f i)))))

(define (vector-count accept? v) (count accept? (vector->list v)))

; (compare element) is 0 at the element, negative if it lies before.
(define (vector-binary-search v key compare)
  (let search ((low 0) (high (vector-length v)))
    (if (>= low high)
        #f
        (let* ((middle (quotient (+ low high) 2))
               (order (compare key (vector-ref v middle))))
          (cond ((= order 0) (vector-ref v middle))
                ((< order 0) (search low middle))
                (else (search (+ middle 1) high)))))))

(define (string-for-each f s . more)
  (if (null? more)
      (do ((i 0 (+ i 1))) ((>= i (string-length s)))
        (f (string-ref s i)))
      (apply for-each f (string->list s) (map string->list more))))

(define (string-map f s . more)
  (list->string (apply map f (string->list s) (map string->list more))))

(define (string-count s accept? . range)
  (count (%character-test accept?) (apply string->list s range)))

; A character stands for the procedure that accepts it.
(define (%character-test c) (if (char? c) (lambda (d) (char=? c d)) c))

(define (string-index s c . range)
  (let* ((accept? (%character-test c))
         (start (if (null? range) 0 (car range)))
         (end (if (or (null? range) (null? (cdr range))) (string-length s) (cadr range))))
    (let search ((i start))
      (cond ((>= i end) #f)
            ((accept? (string-ref s i)) i)
            (else (search (+ i 1)))))))

(define (string-rindex s c)
  (let ((accept? (%character-test c)))
    (let search ((i (- (string-length s) 1)))
      (cond ((< i 0) #f)
            ((accept? (string-ref s i)) i)
            (else (search (- i 1)))))))

(define (string-trim-left s)
  (let ((start (string-index s (lambda (c) (not (char-whitespace? c))))))
    (if start (substring s start (string-length s)) "")))

(define (string-trim-right s)
  (let ((end (string-rindex s (lambda (c) (not (char-whitespace? c))))))
    (if end (substring s 0 (+ end 1)) "")))

(define (string-trim s) (string-trim-left (string-trim-right s)))

(define (string-join strings . delimiter)
  (let ((delimiter (if (null? delimiter) " " (car delimiter))))
    (if (null? strings)
        ""
        (apply string-append
               (car strings)
               (append-map (lambda (s) (list delimiter s)) (cdr strings))))))

(define (partition keep? list)
  (values (filter keep? list) (remove keep? list)))

(define (split-at list k) (values (list-head list k) (list-tail list k)))

(define (span keep? list) (values (take-while keep? list) (drop-while keep? list)))
