"""Sites of an application: shops, and the online one."""
