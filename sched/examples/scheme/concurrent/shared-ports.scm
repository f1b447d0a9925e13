; Several tasks use one port, without a lock of their own: each operation is done as a whole.
(define (spawn-all n work)
  (let loop ((i 0) (tasks '()))
    (if (< i n) (loop (+ i 1) (cons (spawn (lambda () (work i))) tasks)) (map join tasks))))
(define (count-up from to f) (if (< from to) (begin (f from) (count-up (+ from 1) to f))))
(define (line id n) (string-append "(" (number->string id) " " (number->string n) ")"))

; Output: each line is whole, and none is lost.
(define out (open-output-string))
(spawn-all 5 (lambda (id)
  (count-up 0 400 (lambda (n)
    (write-string (string-append (line id n) (make-string (modulo n 7) #\x) "\n") out)
    (if (= 0 (modulo n 90)) (yield))))))
(define text (get-output-string out))
(write (string-length text)) (newline)

; Input: each line is read by somebody, once, and the sum of what they say is that of all.
(define (sorted-pairs lists) (sort (apply append lists) (lambda (a b) (or (< (car a) (car b)) (and (= (car a) (car b)) (< (cadr a) (cadr b)))))))
(define expected
  (let loop ((id 4) (n 399) (l '()))
    (cond ((< id 0) l) ((< n 0) (loop (- id 1) 399 l)) (else (loop id (- n 1) (cons (list id n) l))))))
(define (until-end next keep)
  (let loop ((all '()))
    (let ((x (next))) (if (eof-object? x) all (loop (if (keep x) (cons x all) all))))))
(define lines (open-input-string text))
(define (first-datum line) (if (eof-object? line) line (read (open-input-string line))))
(write (equal? expected (sorted-pairs (spawn-all 4 (lambda (id) (until-end (lambda () (first-datum (read-line lines))) pair?))))))
(newline)
; `read` takes a datum, whoever takes the next: the x's between them are data, too.
(define data (open-input-string text))
(write (equal? expected (sorted-pairs (spawn-all 4 (lambda (id) (until-end (lambda () (read data)) pair?))))))
(newline)

; Readers and a writer of bytes.
(define bytes (open-output-bytevector))
(spawn-all 4 (lambda (id) (count-up 0 1000 (lambda (n) (write-u8 (modulo n 250) bytes)))))
(define content (get-output-bytevector bytes))
(write (bytevector-length content)) (newline)
(define source (open-input-bytevector content))
(define (total l) (apply + l))
(write (total (spawn-all 4 (lambda (id) (total (until-end (lambda () (read-u8 source)) (lambda (b) #t))))))) (newline)
(define again (open-input-bytevector content))
(define sizes
  (spawn-all 4 (lambda (id)
    (let loop ((n 0))
      (let ((part (read-bytevector 7 again)))
        (if (eof-object? part) n (loop (+ n (bytevector-length part)))))))))
(write (total sizes)) (newline)

; One takes what is there while others write: it only ever sees whole records.
(define log (open-output-string))
(define done (box 0))
(define watcher
  (spawn (lambda ()
    (let look ((whole #t))
      (let* ((now (get-output-string log)) (fine (= 0 (modulo (string-length now) 10))))
        (if (< (unbox done) 3) (begin (yield) (look (and whole fine))) (and whole fine)))))))
(define (finished) (let ((n (unbox done))) (if (not (box-cas! done n (+ n 1))) (finished))))
(spawn-all 3 (lambda (id) (count-up 0 300 (lambda (n) (write-string "0123456789" log) (if (= 0 (modulo n 20)) (yield)))) (finished)))
(write (join watcher)) (newline)
(write (string-length (get-output-string log))) (newline)
