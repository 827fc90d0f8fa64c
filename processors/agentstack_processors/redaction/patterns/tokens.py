# SPDX-License-Identifier: Apache-2.0
"""Credentials that providers give a form of their own: a prefix and a random part.

The prefix is what is searched for, and only where a long enough run of characters stands
(`Reading.tokens`); what follows is as long as the providers document. Entropy keeps out
`ghp_xxxxxxxx…` and what is written down as an example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from agentstack_processors.redaction.entropy import random_looking
from agentstack_processors.redaction.patterns.row import Match, Pattern, Span, at_literals, at_words
from agentstack_processors.redaction.reading import Reading


def _around(before: str) -> Callable[[Pattern, Reading], Iterator[Span]]:
    """A search for tokens whose literal stands in the middle, with `before` in front of it."""
    head = re.compile(rf"(?:{before})\Z")

    def search(pattern: Pattern, reading: Reading) -> Iterator[Span]:
        text = reading.text
        for start, end in at_literals(pattern, reading):
            found = head.search(text, max(0, start - 56), start)
            if found is not None and _drawn_text(text[found.start() : end]):
                yield found.start(), end

    return search


def _in_three(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """Discord's bots: who (base64 of a number, so M, N or O first), when, and a signature."""
    text = reading.text
    for start, end in reading.runs:
        if text[end : end + 1] == "." and 23 <= end - start <= 29:
            head = start + (text[start - 1 : start] == "\\")  # the n of \\n
            match = pattern.regex.match(text, head)
            if match is not None and all(map(_shuffled, match.groups())):
                yield match.span()


def _shuffled(text: str) -> bool:
    """Capitals, small letters and digits."""
    return text != text.lower() and text != text.upper() and any(map(str.isdigit, text))


_W = "[A-Za-z0-9]"
_U = r"[A-Za-z0-9_\-]"
_H = "[a-f0-9]"
_X = "[A-Fa-f0-9]"
_BEFORE = "(?<![A-Za-z0-9_])"


_drawn_text = random_looking


def _drawn(match: Match) -> bool:
    return random_looking(match[0])


def _numbered(match: Match) -> bool:
    """Some digit is in it: `xoxb-not-a-real-token` has none."""
    return random_looking(match[0]) and any(char.isdigit() for char in match[0])


def _row(
    name: str,
    literals: str,
    tail: str,
    accept: Callable[[Match], bool] = _drawn,
    *,
    before: str = "A-Za-z0-9",
    end: str = "A-Za-z0-9",
    in_run: bool = True,
) -> Pattern:
    """A row for `prefix` + `tail`: no character of `before` precedes and none of `end` follows.

    `in_run`: it begins a run; not where "+" and "/" may stand among its first characters.
    """
    prefixes = tuple(literals.split())
    alone = rf"(?<![{before}])(?<![A-Za-z0-9][_\-])(?<![A-Za-z0-9][_\-]{{2}})"
    heads = "|".join(f"{alone}{re.escape(prefix)}" for prefix in prefixes)
    return Pattern(
        name,
        re.compile(f"(?:{heads})(?:{tail})(?![{end}])"),
        literals=prefixes,
        accept=accept,
        search=at_literals,
        token=in_run,
    )


_UUID = rf"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"

ROWS: tuple[Pattern, ...] = (
    _row("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", f"{_W}{{36,255}}"),
    _row("GITHUB_TOKEN", "github_pat_", r"[A-Za-z0-9_]{36,255}"),
    _row("GITLAB_TOKEN", "glpat-", rf"{_U}{{20,64}}(?:\.{_U}{{2}}\.{_W}{{7,9}})?"),
    _row(
        "GITLAB_TOKEN",
        "gldt- glft- glsoat- glffct- glimt- glagent- gloas- glrt- glrtr- GR1348941",
        rf"(?:t[0-9]_)?{_U}{{18,64}}(?:\.{_U}{{2}}\.{_W}{{7,9}})?",
    ),
    _row("GITLAB_TOKEN", "glcbt-", rf"[0-9a-zA-Z]{{1,5}}_{_U}{{20}}"),
    _row("GITLAB_TOKEN", "glptt-", f"{_H}{{40}}"),
    _row(
        "SLACK_TOKEN",
        "xoxb- xoxa- xoxp- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xapp-",
        r"(?:[0-9A-Za-z]{1,16}-){0,4}[A-Za-z0-9%]{8,200}",
        _numbered,
        end="A-Za-z0-9%",
    ),
    _row("SLACK_TOKEN", "xoxe.xoxb- xoxe.xoxp-", r"[0-9]-[A-Za-z0-9]{120,180}"),
    Pattern(
        "SLACK_WEBHOOK",
        re.compile(
            r"(?i:hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9+/]{30,80}"
            r"(?![A-Za-z0-9])"
        ),
        words=(b"hooks-slack-com/",),
        accept=_drawn,
        search=at_words,
    ),
    Pattern(
        "WEBHOOK",
        re.compile(
            r"(?i:webhook\.office\.com/webhookb2/)[A-Za-z0-9\-]{36}@[A-Za-z0-9\-]{36}"
            r"/IncomingWebhook/[A-Za-z0-9]{32}/[A-Za-z0-9\-]{36}(?:/[A-Za-z0-9_\-]{20,80})?"
            r"|(?i:api/webhooks/)[0-9]{15,22}/[A-Za-z0-9_\-]{50,90}"
            r"|(?i:hooks\.zapier\.com/hooks/catch/)[0-9]{4,12}/[A-Za-z0-9]{5,20}"
        ),
        words=(b"webhook-office-com/", b"api/webhooks/", b"hooks-zapier-com/"),
        accept=_drawn,
        search=at_words,
    ),
    _row("STRIPE_KEY", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", f"{_W}{{10,247}}"),
    _row("STRIPE_KEY", "whsec_", r"[A-Za-z0-9+/]{24,64}={0,2}", in_run=False),
    _row("SENDGRID_KEY", "SG.", r"[A-Za-z0-9_\-=]{16,32}\.[A-Za-z0-9_\-=]{32,64}"),
    _row("NPM_TOKEN", "npm_", f"{_W}{{36}}"),
    _row("PYPI_TOKEN", "pypi-AgEI pypi-AgEN", rf"{_U}{{40,2000}}"),
    _row("HUGGINGFACE_TOKEN", "hf_ api_org_", r"[A-Za-z0-9]{30,64}"),
    _row("GOOGLE_API_KEY", "AIza", rf"{_U}{{35}}", end=r"A-Za-z0-9_\-"),
    _row("GOOGLE_OAUTH_TOKEN", "ya29.", rf"{_U}{{20,1000}}"),
    _row("GOOGLE_OAUTH_SECRET", "GOCSPX-", rf"{_U}{{20,40}}"),
    _row("GOOGLE_OAUTH_TOKEN", "1//0", rf"{_U}{{30,200}}"),
    _row(
        "AZURE_SECRET",
        "AccountKey= SharedAccessKey= accountkey= sharedaccesskey=",
        r"[A-Za-z0-9+/]{32,88}={0,2}",
        end="A-Za-z0-9+/=",
    ),
    Pattern(
        "AZURE_SECRET",  # a shared access signature
        re.compile(r"sig=(?<=[&?;]sig=)((?:[A-Za-z0-9+/]|%[0-9A-Fa-f]{2}){30,120}={0,2})"),
        literals=("sig=",),
        group=1,
        accept=_drawn,
    ),
    _row("ANTHROPIC_KEY", "sk-ant-", rf"{_U}{{16,200}}"),
    _row("DIGITALOCEAN_TOKEN", "dop_v1_ doo_v1_ dor_v1_", f"{_H}{{64}}"),
    _row("DATABRICKS_TOKEN", "dapi", rf"{_H}{{32}}(?:-[0-9])?"),
    _row("SHOPIFY_TOKEN", "shpat_ shpca_ shppa_ shpss_", f"{_X}{{32}}"),
    _row("SQUARE_TOKEN", "sq0atp- sq0csp- EAAA", rf"{_U}{{22,60}}", end=r"A-Za-z0-9_\-"),
    _row("TWILIO_KEY", "SK AC", f"{_H}{{32}}", before="A-Za-z0-9_"),
    Pattern(
        "TELEGRAM_TOKEN",
        re.compile(rf":AA(?<=[0-9]:AA){_U}{{32,34}}(?![A-Za-z0-9_\-])"),
        literals=(":AA",),
        search=_around(r"(?<![0-9A-Za-z])[0-9]{5,16}"),
        token=True,
    ),
    Pattern(
        "AZURE_SECRET",
        re.compile(r"Q~[A-Za-z0-9_~.\-]{31,34}(?![A-Za-z0-9_~\-])"),
        literals=("Q~",),
        search=_around(r"(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.]{3}[0-9]"),
    ),
    Pattern(
        "API_TOKEN",  # MaxMind
        re.compile(r"_mmk(?![A-Za-z0-9_])"),
        literals=("_mmk",),
        search=_around(r"(?<![A-Za-z0-9_])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}"),
        token=True,
    ),
    Pattern(
        "API_TOKEN",  # Mailchimp
        re.compile(r"-us[0-9]{1,2}(?![A-Za-z0-9_])"),
        literals=("-us",),
        search=_around(r"(?<![A-Za-z0-9_])[0-9a-f]{32}"),
        token=True,
    ),
    Pattern(
        "DISCORD_TOKEN",
        re.compile(
            rf"[MNO]({_U}{{22,27}})\.{_U}{{6}}\.({_U}{{27,38}})"
            r"(?![A-Za-z0-9_.\-])"
        ),
        literals=(".",),
        accept=_drawn,
        search=_in_three,
        token=True,
    ),
    _row("VAULT_TOKEN", "hvs. hvb. hvr.", rf"{_U}{{24,300}}"),
    _row("TERRAFORM_TOKEN", ".atlasv1.", rf"{_U}{{60,70}}", before=r"^A-Za-z0-9"),
    _row(
        "DOPPLER_TOKEN",
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        rf"(?:[a-z0-9_\-]{{2,35}}\.)?{_W}{{40,44}}",
    ),
    _row("DYNATRACE_TOKEN", "dt0c01. dt0s01.", rf"{_W}{{24}}\.{_W}{{64}}"),
    _row("GRAFANA_TOKEN", "glsa_ glc_", r"[A-Za-z0-9+/_]{32,400}={0,3}"),
    _row("SENTRY_TOKEN", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_]{40,500}"),
    _row("LINEAR_KEY", "lin_api_ lin_oauth_", f"{_W}{{40,64}}"),
    _row("NOTION_TOKEN", "ntn_ secret_", f"{_W}{{43,50}}"),
    _row("POSTMAN_KEY", "PMAK-", rf"{_X}{{24}}-{_X}{{34}}"),
    _row("PLANETSCALE_TOKEN", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[A-Za-z0-9_=.\-]{32,64}"),
    _row("PERPLEXITY_KEY", "pplx-", f"{_W}{{48,64}}"),
    _row("GROQ_KEY", "gsk_", f"{_W}{{48,60}}"),
    _row("XAI_KEY", "xai-", f"{_W}{{60,90}}"),
    _row("REPLICATE_TOKEN", "r8_", f"{_W}{{37,40}}"),
    _row("LANGSMITH_KEY", "lsv2_pt_ lsv2_sk_", rf"{_H}{{32}}_{_H}{{10}}"),
    _row("LANGFUSE_KEY", "sk-lf- pk-lf-", rf"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"),
    _row("NEWRELIC_KEY", "NRAK- NRII- NRJS- NRRA- NRSP-", r"[A-Za-z0-9\-]{19,42}"),
    _row("MAILGUN_KEY", "key-", f"{_H}{{32}}"),
    _row("SENDINBLUE_KEY", "xkeysib- xsmtpsib-", rf"{_H}{{64}}-{_W}{{16}}"),
    _row("RUBYGEMS_TOKEN", "rubygems_", f"{_H}{{48}}"),
    _row("AIRTABLE_TOKEN", "pat", rf"{_W}{{14}}\.{_H}{{64}}", before="A-Za-z0-9_"),
    _row("ATLASSIAN_TOKEN", "ATATT3 ATCTT3 ATBB", r"[A-Za-z0-9_\-=]{28,200}"),
    _row("ARTIFACTORY_TOKEN", "AKCp cmVmd", f"{_W}{{59,73}}"),
    _row("ALIBABA_KEY_ID", "LTAI", f"{_W}{{12,24}}"),
    _row("PULUMI_TOKEN", "pul-", f"{_H}{{40}}"),
    _row("PREFECT_TOKEN", "pnu_ pnb_", f"{_W}{{36}}"),
    _row("FLY_TOKEN", "fo1_", rf"{_U}{{43,200}}"),
    _row("FLY_TOKEN", "fm1r_ fm1a_ fm2_", r"[A-Za-z0-9+/_\-]{43,2000}={0,3}", in_run=False),
    _row("FIGMA_TOKEN", "figd_ figo_", rf"{_U}{{36,44}}"),
    _row("API_TOKEN", "rdme_", r"[a-z0-9]{70}"),
    _row("API_TOKEN", "shippo_live_ shippo_test_", f"{_X}{{40}}"),
    _row("API_TOKEN", "EZAK EZTK", f"{_W}{{54}}"),
    _row("API_TOKEN", "duffel_test_ duffel_live_", r"[A-Za-z0-9_\-=]{43}"),
    _row("AWS_SECRET_KEY", "ABSK", r"[A-Za-z0-9+/]{60,200}={0,2}", in_run=False),  # Bedrock
    _row("API_TOKEN", "cflt", r"[A-Za-z0-9+/]{60}", in_run=False, end="A-Za-z0-9+/"),
    _row("API_TOKEN", "sl.", rf"(?:u\.)?{_U}{{120,1200}}", _numbered, end=r"A-Za-z0-9_\-"),
    _row("API_TOKEN", "pat-na1- pat-na2- pat-na3- pat-eu1- pat-ap1-", _UUID),
    _row("API_TOKEN", "sdk- api-", _UUID, end=r"A-Za-z0-9_\-"),
    _row("API_TOKEN", "access-sandbox- access-production- access-development-", _UUID),
    _row("API_TOKEN", "dG9rO", r"[A-Za-z0-9+/]{50,64}={0,2}"),
    _row("API_TOKEN", "nfp_", rf"{_W}{{36,40}}"),
    _row("API_TOKEN", "snyk_uat. snyk_sat.", rf"{_H}{{8}}\.{_U}{{60,120}}"),
    _row("API_TOKEN", "vca_ vci_ vcr_ vck_", rf"{_W}{{24,80}}", _numbered),
    _row("API_TOKEN", "vercel_blob_rw_", rf"{_W}{{16}}_{_W}{{24,40}}"),
    _row("API_TOKEN", "CFPAT-", rf"{_U}{{43}}"),
    _row("API_TOKEN", "bkua_", rf"{_H}{{40}}"),
    _row("API_TOKEN", "CCIPAT_ CCIPRJ_", rf"{_W}{{22}}_{_H}{{40}}"),
    _row("API_TOKEN", "rzp_live_ rzp_test_", rf"{_W}{{14}}"),
    _row("API_TOKEN", "live_ test_", rf"{_H}{{35}}"),
    _row("API_TOKEN", "sk_", rf"{_H}{{48}}"),
    _row("GRAFANA_TOKEN", "eyJrIjoi", r"[A-Za-z0-9]{60,400}={0,3}"),
    Pattern(
        "NEWRELIC_KEY",
        re.compile(r"NRAL(?![A-Za-z0-9_])"),
        literals=("NRAL",),
        search=_around(r"(?<![A-Za-z0-9_])[0-9a-f]{36}"),
        token=True,
    ),
    Pattern(
        "AZURE_SECRET",  # OpenAI and other services of artificial intelligence
        re.compile(rf"JQQJ99{_W}{{18,40}}(?![A-Za-z0-9_])"),
        literals=("JQQJ99",),
        search=_around(r"(?<![A-Za-z0-9_])[A-Za-z0-9]{20,52}"),
    ),
    Pattern(
        "API_TOKEN",  # Okta
        re.compile(rf"SSWS (00{_U}{{40}})(?![A-Za-z0-9_\-])"),
        literals=("SSWS ",),
        group=1,
        accept=_drawn,
        search=at_literals,
    ),
    _row("API_TOKEN", "fio-u-", r"[A-Za-z0-9\-_=]{64}"),
    _row("API_TOKEN", "FLWSECK_TEST- FLWSECK- FLWPUBK_TEST- FLWPUBK-", rf"{_W}{{12,32}}(?:-X)?"),
    _row("API_TOKEN", "CLOJARS_ clojars_", f"{_W}{{60}}"),
    _row("API_TOKEN", "AGE-SECRET-KEY-1", r"[A-Z0-9]{58}"),
    _row("API_TOKEN", "ops_eyJ", r"[A-Za-z0-9+/]{100,2000}={0,3}"),
    _row(
        "API_TOKEN",
        "A3-",
        r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    _row("API_TOKEN", "p8e-", f"{_W}{{32}}"),
    _row("API_TOKEN", "4b1d", f"{_W}{{38}}"),
    _row("API_TOKEN", "dnkey-", r"[a-z0-9=_\-]{26}-[a-z0-9=_\-]{52}"),
    _row("API_TOKEN", "tk-us-", rf"{_U}{{48}}"),
    _row("API_TOKEN", "sm_aat_ sm_pat_ sm_sat_", f"{_W}{{16}}"),
    _row("API_TOKEN", "sgp_", rf"(?:(?:{_X}{{16}}|local)_)?{_X}{{40}}"),
    _row("API_TOKEN", "sha256~", rf"{_U}{{43}}", end=r"A-Za-z0-9_\-"),
    _row("API_TOKEN", "tfp_", r"[A-Za-z0-9_\-.=]{40,64}"),
    _row("API_TOKEN", "API-", r"[A-Z0-9]{26}"),
    _row("API_TOKEN", "v1.0-", rf"{_H}{{24}}-{_H}{{146}}"),
    _row("API_TOKEN", "EAAM EAAC EAAG EAAB", f"{_W}{{60,300}}"),
    _row("API_TOKEN", "ico-", f"{_W}{{32}}"),
    _row("API_TOKEN", "HRKU-", rf"{_U}{{36,60}}"),
    _row("API_TOKEN", "pat.", rf"{_U}{{22}}\.{_H}{{24}}\.{_W}{{20}}"),
    _row("API_TOKEN", "s-s4t2ud- s-s4t2af-", f"{_H}{{64}}"),
    _row("API_TOKEN", "sk.eyJ pk.eyJ", r"[A-Za-z0-9_\-]{40,120}\.[A-Za-z0-9_\-]{20,24}"),
    _row(
        "API_TOKEN",
        "nvapi- fw_ tgp_v1_ csk- re_ dckr_pat_ vcp_ sbp_ sb_secret_ tskey- cfut_"
        " AQVN t1. phc_ phx_ jina_ fc- tvly- apify_api_ e2b_ pcsk_ wandb_v1_ oy2 rpa_ y0_"
        " bb_live_",
        rf"{_U}{{24,200}}(?:\.{_U}{{40,120}})?={{0,2}}",
        accept=_numbered,
        before="A-Za-z0-9_",
    ),
)
