; A deep recursion that holds one object per frame, with a leaf at the bottom that keeps allocating and
; never returns far: the part of the stack that changes is small, the part that does not is as deep as was asked for.

; A leaf operation: recurses a little, allocates, and returns through the youngest barriers.
(define (count-up n)
  (if (= n 0)
      '()
      (cons n (count-up (- n 1)))))

(define (sum list total)
  (if (null? list)
      total
      (sum (cdr list) (+ total (car list)))))

(define (leaf done)
  (if (work-goes-on?)
      (if (= (sum (count-up 100) 0) 5050)
          (leaf (+ done 1))
          (error "the collector lost a list" done))
      done))

; One frame: its object is live across the call, and checked after it.
(define (descend depth)
  (if (deep-enough?)
      (leaf 0)
      (let* ((own (cons depth depth))
             (done (descend (+ depth 1))))
        (if (= (car own) depth)
            done
            (error "the collector lost the object of frame" depth)))))

; As much other live heap at every depth (a million pairs), so that depth is all that differs.
(define (tree height)
  (if (= height 0)
      '()
      (cons (tree (- height 1)) (tree (- height 1)))))

(define other-heap (tree 20))

(descend 0)
