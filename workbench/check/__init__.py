"""Does a project keep its own rules, and which practices do its tests show?"""
