"""What the user holds: to_static, StaticFunction, InputSpec, guards, the cache of Programs, the call path."""
