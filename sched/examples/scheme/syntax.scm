; Forms of the language that are made of others. Names here mean the original things, whatever a program does with them.

(define-syntax receive
  (syntax-rules ()
    ((_ formals producer body ...)
     (call-with-values (lambda () producer) (lambda formals body ...)))))

(define-syntax let*-values
  (syntax-rules ()
    ((_ () body ...) (let () body ...))
    ((_ ((formals producer)) body ...) (receive formals producer body ...))
    ((_ ((formals producer) more ...) body ...)
     (receive formals producer (let*-values (more ...) body ...)))))

; All producers are evaluated before anything is bound: their values go by other names until then.
(define-syntax let-values
  (syntax-rules ()
    ((_ () body ...) (let () body ...))
    ((_ ((formals producer)) body ...) (receive formals producer body ...))
    ((_ (binding ...) body ...) (%let-values (binding ...) () body ...))))

(define-syntax %let-values
  (syntax-rules ()
    ((_ () bindings body ...) (let bindings body ...))
    ((_ ((formals producer) more ...) bindings body ...)
     (%rename-formals formals producer () (more ...) bindings body ...))))

(define-syntax %rename-formals
  (syntax-rules ()
    ((_ () producer (other ...) more bindings body ...)
     (receive (other ...) producer (%let-values more bindings body ...)))
    ((_ (name . rest) producer (other ...) more (binding ...) body ...)
     (%rename-formals rest producer (other ... temporary) more (binding ... (name temporary)) body ...))
    ((_ name producer (other ...) more (binding ...) body ...)
     (receive (other ... . temporary) producer
       (%let-values more (binding ... (name temporary)) body ...)))))

(define-syntax define-values
  (syntax-rules ()
    ((_ formals producer)
     (begin
       (define temporary (call-with-values (lambda () producer) list))
       (%define-from temporary formals)))))

(define-syntax %define-from
  (syntax-rules ()
    ((_ values ()) (begin))
    ((_ values (name . names))
     (begin
       (define name (car values))
       (define rest (cdr values))
       (%define-from rest names)))
    ((_ values name) (define name values))))

(define-syntax case-lambda
  (syntax-rules ()
    ((_ (formals body ...) ...)
     (%case-lambda (list (lambda formals body ...) ...)))))

(define-syntax parameterize
  (syntax-rules ()
    ((_ ((parameter value) ...) body ...)
     (%parameterize (list (cons parameter value) ...) (lambda () body ...)))))

(define-syntax guard
  (syntax-rules (else)
    ((_ (name clause ... (else handle ...)) body ...)
     (%guard-all (lambda () body ...)
                 (lambda (name) (cond clause ... (else handle ...)))))
    ((_ (name clause ...) body ...)
     (%guard (lambda () body ...)
             (lambda (name raise-again) (cond clause ... (else (raise-again))))))))

(define-syntax delay-force
  (syntax-rules ()
    ((_ promise) (%make-promise #f (lambda () promise)))))

(define-syntax delay
  (syntax-rules ()
    ((_ value) (%make-promise #f (lambda () (%make-promise #t value))))))

(define-syntax cons-stream
  (syntax-rules ()
    ((_ first rest) (cons first (delay rest)))))

(define-syntax fluid-let
  (syntax-rules ()
    ((_ ((name value) ...) body ...)
     (%fluid-let ((name value) ...) () body ...))))

(define-syntax %fluid-let
  (syntax-rules ()
    ((_ () ((name temporary value) ...) body ...)
     (let ((temporary value) ...)
       (let ((swap (lambda () (%swap name temporary) ...)))
         (dynamic-wind swap (lambda () body ...) swap))))
    ((_ ((name value) more ...) (done ...) body ...)
     (%fluid-let (more ...) (done ... (name temporary value)) body ...))))

(define-syntax %swap
  (syntax-rules ()
    ((_ a b) (let ((old a)) (set! a b) (set! b old)))))

; (select ((receive CHANNEL [NAME]) BODY ...) ((send CHANNEL VALUE) BODY ...) ((join TASK [NAME]) BODY ...)
;         ((timeout MILLISECONDS) BODY ...) or (else BODY ...))
(define-syntax select
  (syntax-rules ()
    ((_ clause ...) (%select () () #f #f clause ...))))

(define-syntax %select
  (syntax-rules (receive send join timeout else)
    ((_ (clause ...) (handler ...) time late)
     (%select-from (vector #f #f #f #f clause ...) time (vector handler ...) late))
    ((_ (clause ...) (handler ...) time late ((receive channel) body ...) more ...)
     (%select (clause ... (%clause 0 channel #f)) (handler ... (lambda (value) body ...)) time late more ...))
    ((_ (clause ...) (handler ...) time late ((receive channel name) body ...) more ...)
     (%select (clause ... (%clause 0 channel #f)) (handler ... (lambda (name) body ...)) time late more ...))
    ((_ (clause ...) (handler ...) time late ((send channel sent) body ...) more ...)
     (%select (clause ... (%clause 1 channel sent)) (handler ... (lambda (value) body ...)) time late more ...))
    ((_ (clause ...) (handler ...) time late ((join task) body ...) more ...)
     (%select (clause ... (%clause 2 task #f))
              (handler ... (lambda (ended) (%task-result ended) body ...)) time late more ...))
    ((_ (clause ...) (handler ...) time late ((join task name) body ...) more ...)
     (%select (clause ... (%clause 2 task #f))
              (handler ... (lambda (ended) (let ((name (%task-result ended))) body ...))) time late more ...))
    ((_ clauses handlers time late ((timeout milliseconds) body ...) more ...)
     (%select clauses handlers milliseconds (lambda () body ...) more ...))
    ((_ clauses handlers time late (else body ...) more ...)
     (%select clauses handlers 0 (lambda () body ...) more ...))))

; What it took goes to the standard error.
(define-syntax time
  (syntax-rules () ((_ form ...) (%time (lambda () form ...) '(form ...)))))

(define-syntax assume
  (syntax-rules () ((_ true message ...) (or true (error "invalid assumption" 'true message ...)))))
