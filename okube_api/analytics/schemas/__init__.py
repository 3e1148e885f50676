"""The query language as Pydantic models: what a request may say, module by module, and what an answer looks like."""
