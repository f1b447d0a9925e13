; Reading characters, lines, bytes and data from strings, bytevectors and files.
(define (show . xs) (for-each (lambda (x) (write x) (display " ")) xs) (newline))

(define in (open-input-string "ab\ncd e\n\nlast"))
(show (peek-char in) (read-char in) (read-line in) (read-string 2 in) (read-char in) (read-line in) (read-line in) (read-line in) (read-line in) (read-char in) (peek-char in))
(show (input-port? in) (output-port? in) (textual-port? in) (binary-port? in) (input-port-open? in))
(close-port in)
(show (input-port-open? in) (port? in) (port? 5))

(define bytes (open-input-bytevector (bytevector 1 2 3 4 5 6)))
(show (peek-u8 bytes) (read-u8 bytes) (read-bytevector 2 bytes))
(define buffer (make-bytevector 6 0))
(show (read-bytevector! buffer bytes 1 5) buffer (read-u8 bytes) (read-bytevector 3 bytes))

(define (read-all port)
  (let ((datum (read port)))
    (if (eof-object? datum) '() (cons datum (read-all port)))))
(define text "a (b . c) #(1 2.5 #\\x \"s\\n\") 'q `(x ,y ,@z) #t #false #u8(1 255) ; comment\n #| block #| nested |# |# #;(not this) |odd name| -12/4 #xff () (1 (2 (3))) (a . (b . (c))) #!eof")
(define data (read-all (open-input-string (substring text 0 (- (string-length text) 5)))))
(for-each (lambda (datum) (write datum) (newline)) data)

; A datum ends before its delimiter, and no more is taken.
(define rest (open-input-string "(1 2)(3)x\"y\"z"))
(show (read rest) (read-char rest) (read rest) (read-char rest))
(show (read rest) (read rest) (read rest) (read rest))

; Circles and shared parts by datum labels.
(define circle (read (open-input-string "#0=(a b . #0#)")))
(show (car circle) (cadr circle) (eq? circle (cddr circle)))
(define shared (read (open-input-string "(#1=(x) #1# #2=#(1 #2# #1#))")))
(show (eq? (car shared) (cadr shared)) (eq? (caddr shared) (vector-ref (caddr shared) 1)))

; Files: written, read by characters, by lines, by data; words counted.
(define path (string-append "/tmp/scheme-input-ports-" (number->string (random 1000000000)) (number->string (exact (floor (* 1000 (current-second)))))))
(call-with-output-file path
  (lambda (out)
    (do ((i 0 (+ i 1))) ((= i 500))
      (write (list i (* i i) "λ string" #\a) out)
      (newline out))))
(show (file-exists? path))
(define (count-file)
  (call-with-input-file path
    (lambda (in)
      (let loop ((chars 0) (lines 0) (words 0) (inside #f))
        (let ((c (read-char in)))
          (cond ((eof-object? c) (list chars lines words))
                ((char=? c #\newline) (loop (+ chars 1) (+ lines 1) words #f))
                ((char-whitespace? c) (loop (+ chars 1) lines words #f))
                (else (loop (+ chars 1) lines (if inside words (+ words 1)) #t))))))))
(show (count-file))
(show (call-with-input-file path (lambda (in) (let loop ((n 0) (sum 0)) (let ((x (read in))) (if (eof-object? x) (list n sum) (loop (+ n 1) (+ sum (cadr x)))))))))
(show (with-input-from-file path (lambda () (read-line))) (with-input-from-file path read))
(define binary (open-binary-input-file path))
(show (read-u8 binary) (integer->char (read-u8 binary)) (binary-port? binary))
(close-input-port binary)
(delete-file path)
(show (file-exists? path))
