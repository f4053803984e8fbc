"""The policy of one line, for tests that need any at all."""

SALES = """
[purposes.complaint]
title = "handling your complaint"
basis = "legitimate-interest"
reasoning = "Both sides need to know what was said."
trigger = "flag"
retention = { until = "case-closed", latest_days = 700 }
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"
"""
