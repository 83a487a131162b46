"""DELAY_RISK of single work items: will an item be done by the end of its due date?

moments (what is known of an item when it is forecast) -> features (scale-free table) -> learner (fits) -> walk_forward
(the ladder, the pooling, the recalibration) -> forecast (over a project's history). All pure.
"""
