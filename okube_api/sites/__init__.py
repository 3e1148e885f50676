"""Sites of an application: shops and web shops."""
