; Inexact arithmetic as numerical programs use it: a transform, an iteration, a sum, an integral.
(define pi (* 4 (atan 1)))
(define (show-rounded x) (display (/ (round (* x 1000)) 1000)) (display " "))

; Fourier transform of a power of two points, by recursion on lists of (re . im).
(define (evens l) (if (null? l) '() (cons (car l) (if (null? (cdr l)) '() (evens (cddr l))))))
(define (odds l) (if (or (null? l) (null? (cdr l))) '() (cons (cadr l) (odds (cddr l)))))
(define (c+ a b) (cons (+ (car a) (car b)) (+ (cdr a) (cdr b))))
(define (c- a b) (cons (- (car a) (car b)) (- (cdr a) (cdr b))))
(define (c* a b) (cons (- (* (car a) (car b)) (* (cdr a) (cdr b))) (+ (* (car a) (cdr b)) (* (cdr a) (car b)))))
(define (fft l)
  (if (null? (cdr l))
      l
      (let* ((n (length l)) (even (fft (evens l))) (odd (fft (odds l)))
             (turned (map (lambda (x k) (c* x (cons (cos (/ (* -2 pi k) n)) (sin (/ (* -2 pi k) n))))) odd (iota (quotient n 2)))))
        (append (map c+ even turned) (map c- even turned)))))
(for-each (lambda (c) (show-rounded (abs (car c))) (show-rounded (abs (cdr c))))
          (fft (map (lambda (k) (cons (exact->inexact (modulo (* k 3) 8)) 0.)) (iota 8))))
(newline)

; Points of the Mandelbrot set.
(define (iterations cr ci)
  (let loop ((zr 0.) (zi 0.) (n 0))
    (if (or (= n 60) (> (+ (* zr zr) (* zi zi)) 4.)) n
        (loop (+ (- (* zr zr) (* zi zi)) cr) (+ (* 2. zr zi) ci) (+ n 1)))))
(do ((y -1. (+ y .25))) ((> y 1.))
  (do ((x -2. (+ x .125))) ((> x .6)) (display (if (= (iterations x y) 60) "*" ".")))
  (newline))

(define (sum-reciprocals n) (do ((i n (- i 1)) (s 0. (+ s (/ 1. i)))) ((= i 0) s)))
(display (sum-reciprocals 10000)) (newline)
(define (integral f a b n)
  (let ((h (/ (- b a) n)))
    (let loop ((i 0) (s 0.))
      (if (= i n) (* s h) (loop (+ i 1) (+ s (f (+ a (* h (+ i .5))))))))))
(show-rounded (integral (lambda (x) (sqrt (- 4. (* x x)))) 0. 2. 2000))
(show-rounded (integral exp 0. 1. 1000)) (newline)
(define (newton x) (let ((y (/ (+ x (/ 2. x)) 2.))) (if (< (abs (- x y)) 1e-12) y (newton y))))
(display (newton 1.)) (newline)
