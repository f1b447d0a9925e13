; Sorting: a stable merge sort between two vectors. Sequence and predicate come in either order, as collections differ.

; Merges from[low..middle] and from[middle..high] into to[low..high].
(define (%merge-runs less? from to low middle high)
  (let merge ((a low) (b middle) (at low))
    (cond ((= at high))
          ((and (< a middle)
                (or (= b high) (not (less? (vector-ref from b) (vector-ref from a)))))
           (vector-set! to at (vector-ref from a))
           (merge (+ a 1) b (+ at 1)))
          (else
           (vector-set! to at (vector-ref from b))
           (merge a (+ b 1) (+ at 1))))))

; Sorts the elements of v from low to high; `spare` has the same ones and room for them.
(define (%sort-part! less? v spare low high)
  (if (> (- high low) 1)
      (let ((middle (quotient (+ low high) 2)))
        (%sort-part! less? spare v low middle)
        (%sort-part! less? spare v middle high)
        (%merge-runs less? spare v low middle high))))

(define (%sort-vector! less? v)
  (%sort-part! less? v (vector-copy v) 0 (vector-length v)))

(define (%sorted-vector less? v)
  (let ((copy (vector-copy v)))
    (%sort-vector! less? copy)
    copy))

(define (%sorted less? sequence)
  (if (vector? sequence)
      (%sorted-vector less? sequence)
      (let ((v (list->vector sequence)))
        (%sort-vector! less? v)
        (vector->list v))))

(define (sort a b) (if (procedure? a) (%sorted a b) (%sorted b a)))
(define (list-sort a b) (sort a b))
(define (stable-sort a b) (sort a b))
(define (merge-sort a b) (sort a b))
(define (vector-sort a b) (sort a b))

; A list is sorted by putting its elements into its pairs in order.
(define (sort! a b)
  (let ((less? (if (procedure? a) a b))
        (sequence (if (procedure? a) b a)))
    (if (vector? sequence)
        (%sort-vector! less? sequence)
        (let fill ((pairs sequence) (sorted (%sorted less? sequence)))
          (if (pair? pairs)
              (begin
                (set-car! pairs (car sorted))
                (fill (cdr pairs) (cdr sorted))))))
    sequence))

(define (list-sort! a b) (sort! a b))
(define (vector-sort! a b) (sort! a b))
(define (stable-sort! a b) (sort! a b))

(define (sorted? a b)
  (let ((less? (if (procedure? a) a b))
        (sequence (if (procedure? a) b a)))
    (let check ((list (if (vector? sequence) (vector->list sequence) sequence)))
      (or (null? list)
          (null? (cdr list))
          (and (not (less? (cadr list) (car list))) (check (cdr list)))))))

;; Merging, and the names of SRFI 95 and SRFI 132

(define (%merged less? a b)
  (let merge ((a a) (b b) (merged '()))
    (cond ((null? a) (append-reverse! merged b))
          ((null? b) (append-reverse! merged a))
          ((less? (car b) (car a)) (merge a (cdr b) (cons (car b) merged)))
          (else (merge (cdr a) b (cons (car a) merged))))))

(define (%merged-sequences less? a b)
  (if (vector? a)
      (list->vector (%merged less? (vector->list a) (vector->list b)))
      (%merged less? a b)))

(define (merge a b less?) (%merged-sequences less? a b))
(define (merge! a b less?) (%merged-sequences less? a b))
(define (list-merge less? a b) (%merged less? a b))
(define (list-merge! less? a b) (%merged less? a b))
(define (vector-merge less? a b) (%merged-sequences less? a b))

(define (list-stable-sort less? list) (%sorted less? list))
(define (list-stable-sort! less? list) (sort! less? list))
(define (vector-stable-sort less? v) (%sorted-vector less? v))
(define (vector-stable-sort! less? v) (sort! less? v))
(define (list-sorted? less? list) (sorted? less? list))
(define (vector-sorted? less? v) (sorted? less? v))

(define (list-delete-neighbor-dups same? list)
  (let walk ((list list))
    (cond ((or (null? list) (null? (cdr list))) list)
          ((same? (car list) (cadr list)) (walk (cons (car list) (cddr list))))
          (else (cons (car list) (walk (cdr list)))))))

(define (vector-delete-neighbor-dups same? v)
  (list->vector (list-delete-neighbor-dups same? (vector->list v))))
