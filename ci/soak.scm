; A torture program for ci/soak.sh: does what strains a collector, round after round, checks all that it can check, and stops after so many seconds.
;
; usage: scheme ci/soak.scm SECONDS
;
; Every round builds its data deep down a recursion, changes old objects and keeps some from round to round, leaves frames by escapes, errors and
; continuations, comes back into others, and looks whether everything is as it was made. What is lost shows as a wrong sum, an error, or a crash; and the
; collector's own verification, if it is on, sees it first.

(define seconds (string->number (cadr (command-line))))
(define begin-time (runtime))

(define (check what is due)
  (if (not (equal? is due))
      (begin
        (display (list "soak:" what "is" is "and should be" due) (current-error-port))
        (newline (current-error-port))
        (exit 3))))

; Not tail-recursive: a frame for each element, each of which holds an object that nothing else does.
(define (deep-list n)
  (if (= n 0)
      '()
      (let ((own (vector n (number->string n))))
        (let ((rest (deep-list (- n 1))))
          (check "a frame's own object" (vector-ref own 1) (number->string n))
          (cons own rest)))))

(define (sum-of list)
  (if (null? list) 0 (+ (vector-ref (car list) 0) (sum-of (cdr list)))))

(define (triangle n) (quotient (* n (+ n 1)) 2))

; Old objects that get new ones: the write barrier.
(define kept (make-vector 64 '()))
(define (age! round)
  (let loop ((i 0))
    (if (< i 64)
        (begin
          (vector-set! kept i (cons round (let ((old (vector-ref kept i))) (if (and (pair? old) (> (length old) 6)) '() old))))
          (loop (+ i 1))))))
(define (check-kept round)
  (let loop ((i 0))
    (if (< i 64)
        (begin
          (check "an old object's newest" (car (vector-ref kept i)) round)
          (check "its order" (apply max (vector-ref kept i)) round)
          (loop (+ i 1))))))

; An error from far down, caught far up: the frames between are dropped, barriers and all.
(define (fall n)
  (let ((own (list n)))
    (if (= n 0)
        (raise (list 'fallen own))
        (let ((r (fall (- n 1))))
          (check "nobody comes back here" r 'never)
          own))))
(define (check-fall n)
  (check "what was raised" (guard (e (#t e)) (fall n)) '(fallen (0))))

; An error in the machine itself, with dynamic-wind on the way.
(define (check-winds n)
  (let ((ins 0) (outs 0))
    (define (down k)
      (if (= k 0)
          (vector-ref (vector 1 2) 2)
          (dynamic-wind
            (lambda () (set! ins (+ ins 1)))
            (lambda () (+ 1 (down (- k 1))))
            (lambda () (set! outs (+ outs 1))))))
    (check "an index error" (guard (e ((error-object? e) 'caught)) (down n)) 'caught)
    (check "wound in and out" (list ins outs) (list n n))))

; A generator: continuations that are left and entered again, in the middle of a deep recursion.
(define (make-generator walk)
  (define return #f)
  (define (yield x)
    (call/cc (lambda (next)
               (set! resume (lambda () (next #f)))
               (return x))))
  (define resume (lambda () (walk yield) (return 'end)))
  (lambda () (call/cc (lambda (k) (set! return k) (resume)))))
(define (make-tree n) (if (= n 0) (list n) (cons (make-tree (- n 1)) (make-tree (- n 1)))))
(define (check-generator depth)
  (let ((next (make-generator
                (lambda (yield)
                  (let walk ((t (make-tree depth)))
                    (cond ((null? t) #f)
                          ((pair? t) (walk (car t)) (walk (cdr t)))
                          (else (yield t))))))))
    (let loop ((leaves 0))
      (if (eq? (next) 'end)
          (check "leaves of a tree" leaves (expt 2 depth))
          (loop (+ leaves 1))))))

(define (check-table n)
  (let ((table (make-equal-hash-table)))
    (let loop ((i 0))
      (if (< i n)
          (begin
            (hash-table-set! table (list i (number->string i)) (make-string 3 #\x))
            (loop (+ i 1)))))
    (check "a table's size" (hash-table-count table) n)
    (check "a table's entry" (hash-table-ref table (list 1 "1") (lambda () 'none)) "xxx")))

(define (check-big n)
  (let product ((i 1) (p 1))
    (if (> i n)
        (check "a bignum" (modulo p 1000003) (let again ((i 1) (p 1)) (if (> i n) p (again (+ i 1) (modulo (* p i) 1000003)))))
        (product (+ i 1) (* p i)))))

; Tasks that send objects from each frame of a recursion while others do, one that fails far down, and a channel with and without room.
(define (send-down k sender channel)
  (if (= k 0)
      sender
      (let ((own (vector k sender)))
        (channel-send channel own)
        (let ((result (send-down (- k 1) sender channel)))
          (check "a sender's own object" own (vector k sender))
          result))))
(define (check-channels n)
  (let* ((channel (make-channel (modulo n 3)))
         (senders (map (lambda (i) (spawn (lambda () (send-down n i channel)))) '(1 2 3)))
         (falls (spawn (lambda () (fall (+ n 10))))))
    (let loop ((left (* 3 n)) (sum 0))
      (if (> left 0)
          (let ((message (channel-receive channel)))
            (loop (- left 1) (+ sum (* (vector-ref message 0) (vector-ref message 1)))))
          (check "what was received" sum (* 6 (triangle n)))))
    (check "what tasks return" (map join senders) '(1 2 3))
    (check "what a task raised" (guard (e (#t e)) (join falls)) '(fallen (0)))))

; A panic in a procedure of Rust's, below frames of a task that has others waiting for what it does: the task's frames are dropped, and it alone ends.
(define (panic-down k)
  (let ((own (list k)))
    (if (= k 0)
        (%internal-error)
        (let ((r (panic-down (- k 1))))
          (check "nobody comes back to a panic" r 'never)
          own))))
(define (check-panics n)
  (let* ((panicking (map (lambda (k) (spawn (lambda () (panic-down (+ n k))))) '(0 40)))
         (sound (spawn (lambda () (deep-list n)))))
    (check "what a panic leaves"
           (map (lambda (t) (guard (e ((error-object? e) (error-object-message e))) (join t))) panicking)
           (make-list 2 "internal error, please report: a panic on demand"))
    (check "a task beside it" (sum-of (join sound)) (triangle n))))

(define (one-round n)
  (let ((depth (+ 5 (modulo (* n 37) 90))))
    (age! n)
    (check "the sum of a deep list" (sum-of (deep-list depth)) (triangle depth))
    (check-fall depth)
    (check-winds (+ 1 (modulo n 12)))
    (check-generator (+ 2 (modulo n 3)))
    (check-table (+ 2 (modulo n 20)))
    (check-big (+ 10 (modulo n 30)))
    (check-channels (+ 2 (modulo n 10)))
    (check-panics (+ 2 (modulo n 20)))
    (check-kept n)))

(let loop ((n 1))
  (one-round n)
  (if (< (- (runtime) begin-time) seconds)
      (loop (+ n 1))
      (begin (display n) (newline))))
