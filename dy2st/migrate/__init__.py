"""paddle-migrate: engine, report, rules and tables."""
