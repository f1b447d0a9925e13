; Lists: construction, parts, searching. What needs no procedure and no recursion is in Rust.

(define (make-list n . fill)
  (let ((element (if (null? fill) (void) (car fill))))
    (do ((i 0 (+ i 1)) (list '() (cons element list)))
        ((>= i n) list))))

(define (list-tabulate n f)
  (do ((i (- n 1) (- i 1)) (list '() (cons (f i) list)))
      ((< i 0) list)))

(define (make-initialized-list n f) (list-tabulate n f))

(define (iota n . start+step)
  (let* ((start (if (null? start+step) 0 (car start+step)))
         (step (if (or (null? start+step) (null? (cdr start+step))) 1 (cadr start+step))))
    (list-tabulate n (lambda (i) (+ start (* i step))))))

(define (cons* first . rest)
  (let walk ((first first) (rest rest))
    (if (null? rest) first (cons first (walk (car rest) (cdr rest))))))

(define (list* first . rest) (apply cons* first rest))
(define (make-initialized-vector n f) (vector-tabulate f n))

(define (%append2 front back)
  (if (null? front) back (cons (car front) (%append2 (cdr front) back))))

(define (append . lists)
  (let walk ((lists lists))
    (cond ((null? lists) '())
          ((null? (cdr lists)) (car lists))
          (else (%append2 (car lists) (walk (cdr lists)))))))

(define (append! . lists)
  (let walk ((lists lists))
    (cond ((null? lists) '())
          ((null? (cdr lists)) (car lists))
          ((null? (car lists)) (walk (cdr lists)))
          (else
           (set-cdr! (last-pair (car lists)) (walk (cdr lists)))
           (car lists)))))

(define (append-reverse list tail)
  (if (null? list) tail (append-reverse (cdr list) (cons (car list) tail))))

(define (append-reverse! list tail)
  (if (null? list)
      tail
      (let ((rest (cdr list)))
        (set-cdr! list tail)
        (append-reverse! rest list))))

(define (reverse list) (append-reverse list '()))
(define (reverse! list) (append-reverse! list '()))
(define (concatenate lists) (apply append lists))

(define (list-copy list)
  (if (pair? list) (cons (car list) (list-copy (cdr list))) list))

(define (tree-copy tree)
  (if (pair? tree) (cons (tree-copy (car tree)) (tree-copy (cdr tree))) tree))

(define (list-tail list k)
  (if (= k 0) list (list-tail (cdr list) (- k 1))))

(define (list-head list k)
  (if (= k 0) '() (cons (car list) (list-head (cdr list) (- k 1)))))

(define (take list k) (list-head list k))
(define (drop list k) (list-tail list k))
(define (sublist list start end) (list-head (list-tail list start) (- end start)))

(define (take-while keep? list)
  (if (and (pair? list) (keep? (car list)))
      (cons (car list) (take-while keep? (cdr list)))
      '()))

(define (drop-while drop? list)
  (if (and (pair? list) (drop? (car list))) (drop-while drop? (cdr list)) list))

(define (list-ref list k) (car (list-tail list k)))
(define (list-set! list k value) (set-car! (list-tail list k) value))

(define (last-pair list)
  (if (pair? (cdr list)) (last-pair (cdr list)) list))

(define (last list) (car (last-pair list)))

(define (except-last-pair list)
  (if (pair? (cdr list)) (cons (car list) (except-last-pair (cdr list))) '()))

(define (except-last-pair! list) (except-last-pair list))

(define (first list) (car list))
(define (second list) (cadr list))
(define (third list) (caddr list))
(define (fourth list) (cadddr list))
(define (fifth list) (car (cddddr list)))

(define (memq x list)
  (cond ((null? list) #f)
        ((eq? x (car list)) list)
        (else (memq x (cdr list)))))

(define (memv x list)
  (cond ((null? list) #f)
        ((eqv? x (car list)) list)
        (else (memv x (cdr list)))))

(define (%member x list)
  (cond ((null? list) #f)
        ((equal? x (car list)) list)
        (else (%member x (cdr list)))))

(define (member x list . same?)
  (if (null? same?)
      (%member x list)
      (let ((same? (car same?)))
        (let search ((list list))
          (cond ((null? list) #f)
                ((same? x (car list)) list)
                (else (search (cdr list))))))))

(define (assq key alist)
  (cond ((null? alist) #f)
        ((eq? key (caar alist)) (car alist))
        (else (assq key (cdr alist)))))

(define (assv key alist)
  (cond ((null? alist) #f)
        ((eqv? key (caar alist)) (car alist))
        (else (assv key (cdr alist)))))

(define (%assoc key alist)
  (cond ((null? alist) #f)
        ((equal? key (caar alist)) (car alist))
        (else (%assoc key (cdr alist)))))

(define (assoc key alist . same?)
  (if (null? same?)
      (%assoc key alist)
      (let ((same? (car same?)))
        (let search ((alist alist))
          (cond ((null? alist) #f)
                ((same? key (caar alist)) (car alist))
                (else (search (cdr alist))))))))

(define (del-assq key alist) (remove (lambda (entry) (eq? key (car entry))) alist))
(define (del-assv key alist) (remove (lambda (entry) (eqv? key (car entry))) alist))
(define (del-assoc key alist) (remove (lambda (entry) (equal? key (car entry))) alist))

(define (alist-copy alist)
  (%map1 (lambda (entry) (if (pair? entry) (cons (car entry) (cdr entry)) entry)) alist))
