(define table (make-equal-hash-table))
(hash-table-set! table "here" 1)
(display (hash-table-ref table "there"))
