"""Accounts: who somebody is. What they may do, `geosatu.rights` says and PostgreSQL holds."""
