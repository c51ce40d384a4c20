"""Sources of ``fluid_compat.py``: read as text by ``dy2st.migrate.helpers``, never imported by us."""
