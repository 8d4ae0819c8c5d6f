"""Phone calls: what is said in them, what is pressed, and what stays of them."""
