"""What is forgotten, and when: bodies, numbers, and a person who asks for it."""
