; Hash tables (SRFI-69, and the names of others). The searching is done in Rust for the standard equivalences; for a
; program's own, the buckets are searched here, because Rust never calls a procedure of a program.
;
; An entry is a vector: key, value, next entry of the bucket, hash.

; The equivalence is one of eq? eqv? equal? string=? =, or a procedure with a hash function beside it.
(define (make-hash-table . options)
  (let* ((same? (if (and (pair? options) (procedure? (car options))) (car options) equal?))
         (rest (if (pair? options) (cdr options) '()))
         (hash (if (and (pair? rest) (procedure? (car rest))) (car rest) #f))
         (standard (%equivalence-number same?)))
    (if standard
        (%make-table standard #f #f)
        (%make-table 4 same? (if hash hash equal-hash)))))

; A number for each equivalence that Rust knows.
(define (%equivalence-number same?)
  (cond ((eq? same? eq?) 0)
        ((or (eq? same? eqv?) (eq? same? =) (eq? same? char=?)) 1)
        ((eq? same? equal?) 2)
        ((or (eq? same? string=?) (eq? same? symbol=?)) 2)
        (else #f)))

(define (make-equal-hash-table . size) (%make-table 2 #f #f))
(define (make-eqv-hashtable . size) (%make-table 1 #f #f))
(define (make-eq-hashtable . size) (%make-table 0 #f #f))
(define (make-strong-eqv-hash-table . size) (%make-table 1 #f #f))
(define (make-strong-eq-hash-table . size) (%make-table 0 #f #f))
(define (make-key-weak-eqv-hash-table . size) (%make-table 1 #f #f))
(define (make-key-weak-eq-hash-table . size) (%make-table 0 #f #f))
(define (make-string-hash-table . size) (%make-table 2 #f #f))

(define (%own-hash table key) (modulo (exact ((%table-hash-function table) key)) 1073741824))

; The entry of a key, or #f.
(define (%entry table key)
  (if (%table-standard? table)
      (%table-find table key)
      (let ((same? (%table-same table)))
        (let search ((entry (%table-bucket table (%own-hash table key))))
          (cond ((not entry) #f)
                ((same? (vector-ref entry 0) key) entry)
                (else (search (vector-ref entry 2))))))))

(define (hash-table-set! table key value)
  (if (%table-standard? table)
      (%table-set! table key value)
      (let ((entry (%entry table key)))
        (if entry
            (vector-set! entry 1 value)
            (%table-add! table (%own-hash table key) key value)))))

(define (hash-table-ref table key . fail+succeed)
  (let ((entry (%entry table key)))
    (cond (entry
           (if (and (pair? fail+succeed) (pair? (cdr fail+succeed)))
               ((cadr fail+succeed) (vector-ref entry 1))
               (vector-ref entry 1)))
          ((and (pair? fail+succeed) (car fail+succeed)) ((car fail+succeed)))
          (else (error "hash-table-ref: no such key:" key)))))

(define (hash-table-ref/default table key default)
  (let ((entry (%entry table key)))
    (if entry (vector-ref entry 1) default)))

(define (hash-table-contains? table key) (if (%entry table key) #t #f))
(define (hash-table-exists? table key) (if (%entry table key) #t #f))

(define (hash-table-delete! table key)
  (let ((entry (%entry table key)))
    (if entry (%table-remove! table entry))))

(define (hash-table-update! table key f . fail)
  (let* ((entry (%entry table key))
         (value (f (cond (entry (vector-ref entry 1))
                         ((pair? fail) ((car fail)))
                         (else (error "hash-table-update!: no such key:" key))))))
    ; The procedure may have changed the table.
    (hash-table-set! table key value)))

(define (hash-table-update!/default table key f default)
  (hash-table-update! table key f (lambda () default)))

(define (hash-table-intern! table key make)
  (let ((entry (%entry table key)))
    (if entry
        (vector-ref entry 1)
        (let ((value (make)))
          (hash-table-set! table key value)
          value))))

(define (hash-table-keys table) (%map1 (lambda (entry) (vector-ref entry 0)) (%table-entries table)))
(define (hash-table-values table) (%map1 (lambda (entry) (vector-ref entry 1)) (%table-entries table)))

(define (hash-table->alist table)
  (%map1 (lambda (entry) (cons (vector-ref entry 0) (vector-ref entry 1))) (%table-entries table)))

; Over the entries that there were at the beginning.
(define (hash-table-walk table f)
  (%for-each1 (lambda (entry) (f (vector-ref entry 0) (vector-ref entry 1))) (%table-entries table)))

(define (hash-table-for-each a b)
  (if (procedure? a) (hash-table-walk b a) (hash-table-walk a b)))

(define (hash-table-fold table f start)
  (%fold1 (lambda (entry result) (f (vector-ref entry 0) (vector-ref entry 1) result))
          start
          (%table-entries table)))

(define (hash-table-update-all! table f)
  (%for-each1 (lambda (entry) (vector-set! entry 1 (f (vector-ref entry 0) (vector-ref entry 1))))
              (%table-entries table)))

(define (hash-table-copy table . mutable?)
  (let ((copy (%table-like table)))
    (hash-table-walk table (lambda (key value) (hash-table-set! copy key value)))
    copy))

(define (hash-table-merge! to from)
  (hash-table-walk from (lambda (key value) (hash-table-set! to key value)))
  to)

(define (alist->hash-table alist . options)
  (let ((table (apply make-hash-table options)))
    ; Of two entries with one key, the first counts.
    (%for-each1 (lambda (entry)
                  (if (not (%entry table (car entry)))
                      (hash-table-set! table (car entry) (cdr entry))))
                alist)
    table))

(define (hash-table-count table . more)
  (if (null? more)
      (hash-table-size table)
      (count (lambda (entry) ((car more) (vector-ref entry 0) (vector-ref entry 1))) (%table-entries table))))

(define (hash-table/get table key default) (hash-table-ref/default table key default))
(define (hash-table/put! table key value) (hash-table-set! table key value))
(define (hash-table/remove! table key) (hash-table-delete! table key))
(define (hash-table/count table) (hash-table-size table))
(define (hash-table/clear! table) (hash-table-clear! table))
(define (hash-table-datum-list table) (hash-table-values table))
(define (hash-table-key-list table) (hash-table-keys table))
(define (hash-table/key-list table) (hash-table-keys table))
(define (hash-table/datum-list table) (hash-table-values table))

(define (hash x . bound) (if (null? bound) (equal-hash x) (modulo (equal-hash x) (car bound))))
(define (string-hash s . bound) (if (null? bound) (equal-hash s) (modulo (equal-hash s) (car bound))))
(define (string-ci-hash s . bound) (apply string-hash (string-foldcase s) bound))
(define (symbol-hash s . bound) (apply hash s bound))
(define (hash-by-identity x . bound) (if (null? bound) (eq-hash x) (modulo (eq-hash x) (car bound))))

;; The names of R6RS.

(define (hashtable-set! table key value) (hash-table-set! table key value))
(define (hashtable-ref table key default) (hash-table-ref/default table key default))
(define (hashtable-delete! table key) (hash-table-delete! table key))
(define (hashtable-contains? table key) (hash-table-contains? table key))
(define (hashtable-size table) (hash-table-size table))
(define (hashtable-keys table) (list->vector (hash-table-keys table)))
(define (hashtable-clear! table) (hash-table-clear! table))
(define (hashtable-update! table key f default) (hash-table-update!/default table key f default))
(define (make-hashtable hash same? . size) (make-hash-table same? hash))
(define (hashtable? x) (hash-table? x))

