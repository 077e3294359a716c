"""The judge as a service: `toolkit serve`. Needs the extra `serve`; nothing else imports it."""
