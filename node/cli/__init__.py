"""The command `quorate`: a module a verb or group of verbs, imported when it is called for."""
