"""What is blanked or forgotten: texts and numbers after their time, a person who asks for it."""
