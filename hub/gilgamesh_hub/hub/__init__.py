"""JupyterHub on the persons of the database: one address, a Jupyter for everybody, the pages beside it.

``command``        ``gilgamesh hub``: checks, starts, watches and stops
``settings``       what the command hands over to the processes it starts
``jupyterhub_config``  the configuration of JupyterHub
``authenticator``  who may log in
``spawner``        a person's Jupyter, which connects with the person's own PostgreSQL role
``singleuser_config``  the configuration of that Jupyter
``service``        the pages, as a service of JupyterHub
``login``          the login of the pages, by JupyterHub's
``owner``          the database as its owner, for logins only
``lifeline``       processes that end with the one that started them
``npm``            the packages of Node: the proxy, and what draws charts
"""
