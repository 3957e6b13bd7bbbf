"""The login of the pages where JupyterHub lets people in: it says who somebody is, once; then the pages know them."""

from __future__ import annotations

from typing import Any

from jupyterhub.services.auth import HubOAuth
from tornado.httputil import url_concat
from tornado.web import HTTPError

from gilgamesh_db.errors import PersonNotFound

from ..identity import OwnLogin
from ..page import Page


class HubLogin(OwnLogin):
    """People log in to JupyterHub; the pages give them a login of their own, which ends when they log out of either.

    Parameters
    ----------
    base_url : str
        The path of the hub, such as ``/``.
    """

    own = False

    def __init__(self, base_url: str = "/") -> None:
        self.base_url = base_url

    def login_url(self, page: Page) -> str:
        """Where JupyterHub is asked who somebody is."""
        return page.url("/hub-login", next=page.request.uri if page.request.method == "GET" else None)

    def logout_url(self, page: Page) -> str:
        """JupyterHub's logout ends both."""
        del page
        return f"{self.base_url}hub/logout"

    def jupyter_url(self) -> str | None:
        """The person's own Jupyter, which starts when somebody goes there."""
        return f"{self.base_url}hub/user-redirect/lab"


class Start(Page):
    """Sends somebody to JupyterHub to say who they are."""

    needs = None

    async def get(self) -> None:
        """Remember where they wanted to go."""
        hub = HubOAuth.instance()
        wanted = self.get_argument("next", "")
        ours = wanted if wanted.startswith(self.application.prefix + "/") and "\\" not in wanted else self.url("/")
        verifier, challenge, method = hub.generate_pkce_code_challenge()
        words = {
            "state": hub.set_state_cookie(self, next_url=ours, code_verifier=verifier),
            "code_challenge": challenge,
            "code_challenge_method": method,
        }
        self.redirect(url_concat(hub.login_url, words))


class Finish(Page):
    """Where JupyterHub sends them back."""

    needs = None

    async def get(self) -> None:
        """Ask JupyterHub whom it sent, and log them in."""
        hub = HubOAuth.instance()
        code, state = self.get_argument("code", ""), self.get_argument("state", "")
        cookie = self.get_secure_cookie(hub.get_state_cookie_name(state))
        if not code or not state or cookie is None or cookie.decode("ascii", "replace") != state:
            self.go("/")  # an old login page, or the back button: begin again
            return
        going_to, verifier = hub.get_next_url(state), hub.get_code_verifier(state)
        hub.clear_oauth_state(state)
        hub.clear_oauth_state_cookies(self)
        token = await hub.token_for_code(code, code_verifier=verifier, sync=False)
        user: dict[str, Any] | None = await hub.user_for_token(token, use_cache=False, sync=False)
        if user is None:
            raise HTTPError(403)
        try:
            person = await self.ask_as_owner(lambda db: db.persons.find(user["name"]))
        except PersonNotFound as error:
            raise HTTPError(403, str(error)) from error
        await HubLogin.let_in(self, person)
        self.redirect(going_to)


ROUTES = [(r"/hub-login", Start), (r"/oauth_callback", Finish)]
