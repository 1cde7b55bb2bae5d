"""What Kubernetes refuses, word for word (kubernetes: pkg/apis/*/validation; apimachinery: pkg/api/validation).

A check takes a value and the path of its field and gives a list of `FieldError`s in upstream's order.
"""
