"""The HTTP doors. A route is a short paragraph: arguments arrive parsed, the store is asked, bytes go out."""
