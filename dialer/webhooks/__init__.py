"""Events to the customer's CRM: signed, sent at least once."""
