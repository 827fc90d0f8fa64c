# SPDX-License-Identifier: Apache-2.0
"""Credentials with a form and a name of their own: clouds, code, chat, models, payment."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentstack_processors.redaction.patterns.prefixes import (
    H,
    U,
    W,
    X,
    around,
    drawn,
    numbered,
    row,
    shuffled,
)
from agentstack_processors.redaction.patterns.row import Match, Pattern, Span, at_words
from agentstack_processors.redaction.reading import Reading


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


_LONG = r"[A-Za-z0-9+/]{80,4000}={0,2}"


def _of_slack(match: Match) -> bool:
    """Some digit is in it, and where numbers stand they are long: `xoxp-1234-1234-…` is made up."""
    numbers = [part for part in match[0].split("-")[1:-1] if part.isdigit()]
    return (
        (numbered(match) or shuffled(match))
        and not match[0].endswith(("Here", "HERE", "here"))
        and not (len(numbers) > 1 and max(map(len, numbers)) < 6)
    )


ROWS: tuple[Pattern, ...] = (
    row("GITHUB_TOKEN", "ghp_ gho_ ghu_ ghs_ ghr_", f"{W}{{36,255}}"),
    row("GITHUB_TOKEN", "github_pat_", r"[A-Za-z0-9_]{36,255}"),
    row("GITLAB_TOKEN", "glpat-", rf"{U}{{20,300}}(?:\.{U}{{2}}\.?{W}{{7,9}})?"),
    row(
        "GITLAB_TOKEN",
        "gldt- glft- glsoat- glffct- glimt- glagent- gloas- glrt- glrtr- glwt- GR1348941",
        rf"(?:t[0-9]_)?{U}{{18,300}}(?:\.{U}{{2}}\.?{W}{{7,9}})?",
    ),
    row("GITLAB_TOKEN", "glcbt-", rf"[0-9a-zA-Z]{{1,5}}_{U}{{20}}"),
    row("GITLAB_TOKEN", "glptt-", f"{H}{{40}}"),
    row(
        "SLACK_TOKEN",
        "xoxb- xoxa- xoxp- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xapp-",
        r"(?:[0-9A-Za-z]{1,16}-){0,4}[A-Za-z0-9%]{8,200}",
        _of_slack,
        end="A-Za-z0-9%",
    ),
    row("SLACK_TOKEN", "xoxe.xoxb- xoxe.xoxp-", r"[0-9]-[A-Za-z0-9]{120,180}"),
    Pattern(
        "SLACK_WEBHOOK",
        re.compile(
            r"(?i:hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9+/]{30,80}"
            r"(?![A-Za-z0-9])"
        ),
        words=(b"hooks-slack-com",),  # no slash, which JSON may escape
        accept=drawn,
        search=at_words,
    ),
    Pattern(
        "WEBHOOK",
        re.compile(
            r"(?i:webhook\.office\.com/webhookb2/)[A-Za-z0-9\-]{36}@[A-Za-z0-9\-]{36}"
            r"/IncomingWebhook/[A-Za-z0-9]{32}/[A-Za-z0-9\-]{36}(?:/[A-Za-z0-9_\-]{20,80})?"
            r"|(?i:webhooks/)(?<=(?i:/webhooks/))[0-9]{15,22}/[A-Za-z0-9_\-]{50,90}"
            r"|(?i:hooks\.zapier\.com/hooks/catch/)[0-9]{4,12}/[A-Za-z0-9]{5,20}"
            r"|(?i:hook\.(?:(?:us|eu)[0-9]\.)?make\.com/)[a-z0-9]{24,40}"
            r"|(?i:maker\.ifttt\.com/trigger/)[A-Za-z0-9_\-/]{1,80}/with/key/[A-Za-z0-9_\-]{16,50}"
        ),
        words=(
            b"webhook-office-com",
            b"webhooks",
            b"hooks-zapier-com",
            b"hook-make-com",
            b"hook-us0-make-com",
            b"hook-eu0-make-com",
            b"maker-ifttt-com",
        ),
        accept=drawn,
        search=at_words,
    ),
    row("STRIPE_KEY", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_", f"{W}{{10,247}}"),
    row("STRIPE_KEY", "whsec_", r"[A-Za-z0-9+/]{24,64}={0,2}", in_run=False),
    row("SENDGRID_KEY", "SG.", r"[A-Za-z0-9_\-=]{16,32}\.[A-Za-z0-9_\-=]{32,64}"),
    row("SENDGRID_KEY", "SG.", r"[A-Za-z0-9_\-=.]{66}", numbered, in_run=False),
    row("NPM_TOKEN", "npm_", f"{W}{{36}}"),
    row("PYPI_TOKEN", "pypi-AgEI pypi-AgEN", rf"{U}{{40,2000}}"),
    row("HUGGINGFACE_TOKEN", "hf_ api_org_", r"[A-Za-z0-9]{30,64}"),
    row("GOOGLE_API_KEY", "AIza", rf"{U}{{35}}", end=r"A-Za-z0-9_\-"),
    row("GOOGLE_OAUTH_TOKEN", "ya29.", rf"{U}{{20,1000}}"),
    row("GOOGLE_OAUTH_SECRET", "GOCSPX-", rf"{U}{{20,40}}"),
    row("GOOGLE_OAUTH_TOKEN", "1//0", rf"{U}{{30,200}}"),
    row(
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
        accept=drawn,
    ),
    row("ANTHROPIC_KEY", "sk-ant-", rf"{U}{{16,200}}"),
    row("DIGITALOCEAN_TOKEN", "dop_v1_ doo_v1_ dor_v1_", f"{H}{{64}}"),
    row("DATABRICKS_TOKEN", "dapi", rf"{H}{{32}}(?:-[0-9])?"),
    row("SHOPIFY_TOKEN", "shpat_ shpca_ shppa_ shpss_ shpua_ prtapi_", f"{X}{{32}}"),
    row("SQUARE_TOKEN", "sq0atp- sq0csp- EAAA", rf"{U}{{22,60}}", end=r"A-Za-z0-9_\-"),
    row("TWILIO_KEY", "SK AC", f"{H}{{32}}", before="A-Za-z0-9_"),
    Pattern(
        "TELEGRAM_TOKEN",
        re.compile(rf":A(?<=[0-9]:A){U}{{33,35}}(?![A-Za-z0-9_\-])"),
        literals=(":A",),
        search=around(r"(?<![0-9A-Za-z])(?:bot)?[0-9]{5,16}"),
        token=True,
    ),
    Pattern(
        "AZURE_SECRET",
        re.compile(r"Q~[A-Za-z0-9_~.\-]{31,34}(?![A-Za-z0-9_~\-])"),
        literals=("Q~",),
        search=around(r"(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.]{3}[0-9]"),
    ),
    Pattern(
        "API_TOKEN",  # MaxMind
        re.compile(r"_mmk(?![A-Za-z0-9_])"),
        literals=("_mmk",),
        search=around(r"(?<![A-Za-z0-9_])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}"),
        token=True,
    ),
    Pattern(
        "API_TOKEN",  # Mailchimp
        re.compile(r"-us[0-9]{1,2}(?![A-Za-z0-9_])"),
        literals=("-us",),
        search=around(r"(?<![A-Za-z0-9_])[0-9a-f]{32}"),
        token=True,
    ),
    Pattern(
        "DISCORD_TOKEN",
        re.compile(
            rf"[MNO]({U}{{22,27}})\.{U}{{6}}\.({U}{{27,38}})"
            r"(?![A-Za-z0-9_\-])(?!\.[A-Za-z0-9])"
        ),
        literals=(".",),
        accept=drawn,
        search=_in_three,
        token=True,
    ),
    row("VAULT_TOKEN", "hvs. hvb. hvr.", rf"{U}{{24,300}}"),
    Pattern(
        "TERRAFORM_TOKEN",
        re.compile(r"\.atlasv1\.[A-Za-z0-9_\-=]{60,70}(?![A-Za-z0-9])"),
        literals=(".atlasv1.",),
        search=around(r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}"),
        token=True,
    ),
    row(
        "DOPPLER_TOKEN",
        "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        rf"(?:[a-z0-9_\-]{{2,35}}\.)?{W}{{40,44}}",
    ),
    row("DYNATRACE_TOKEN", "dt0c01. dt0s01.", rf"{W}{{24}}\.{W}{{64}}"),
    row("GRAFANA_TOKEN", "glsa_", r"[A-Za-z0-9_]{32,400}"),
    row("GRAFANA_TOKEN", "glc_", r"[A-Za-z0-9+/_]{32,400}={0,3}", in_run=False),
    row("SENTRY_TOKEN", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_]{40,500}"),
    row("LINEAR_KEY", "lin_api_ lin_oauth_", f"{W}{{40,64}}"),
    row("NOTION_TOKEN", "ntn_ secret_", f"{W}{{43,50}}"),
    row("POSTMAN_KEY", "PMAK-", rf"{X}{{24}}-{X}{{34}}"),
    row("PLANETSCALE_TOKEN", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[A-Za-z0-9_=.\-]{32,64}"),
    row("PERPLEXITY_KEY", "pplx-", f"{W}{{48,64}}"),
    row("GROQ_KEY", "gsk_", f"{W}{{48,60}}"),
    row("XAI_KEY", "xai-", f"{W}{{60,90}}"),
    row("REPLICATE_TOKEN", "r8_", f"{W}{{37,40}}"),
    row("LANGSMITH_KEY", "ls__", f"{H}{{32}}"),
    row("LANGSMITH_KEY", "lsv2_pt_ lsv2_sk_", rf"{H}{{32}}_{H}{{10}}"),
    row("LANGFUSE_KEY", "sk-lf- pk-lf-", rf"{H}{{8}}-{H}{{4}}-{H}{{4}}-{H}{{4}}-{H}{{12}}"),
    row("NEWRELIC_KEY", "NRAK- NRII- NRJS- NRRA- NRSP-", r"[A-Za-z0-9\-]{19,42}"),
    row("MAILGUN_KEY", "key-", f"{H}{{32}}"),
    row("SENDINBLUE_KEY", "xkeysib- xsmtpsib-", rf"{H}{{64}}-{W}{{16}}"),
    row("RUBYGEMS_TOKEN", "rubygems_", f"{H}{{48}}"),
    row("AIRTABLE_TOKEN", "pat", rf"{W}{{14}}\.{H}{{64}}", before="A-Za-z0-9_"),
    row("ATLASSIAN_TOKEN", "ATATT3 ATCTT3 ATBB", r"[A-Za-z0-9_\-=]{28,200}"),
    row("ARTIFACTORY_TOKEN", "AKCp cmVmd", f"{W}{{59,73}}"),
    row("AWS_ACCESS_KEY_ID", "A3T", "[A-Z0-9][A-Z2-7]{16}", before="A-Za-z0-9_"),
    row("AWS_SECRET_KEY", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", _LONG),  # STS
    row("AWS_SECRET_KEY", "bedrock-api-key-", r"[A-Za-z0-9+/=]{40,2000}"),
    row("SECRET", "django-insecure-", r"[A-Za-z0-9!@#$%^&*(\-_=+)]{40,60}"),
    row("ALIBABA_KEY_ID", "LTAI", f"{W}{{12,24}}"),
    row("PULUMI_TOKEN", "pul-", f"{H}{{40}}"),
    row("PREFECT_TOKEN", "pnu_ pnb_", f"{W}{{36}}"),
    row("FLY_TOKEN", "fo1_", rf"{U}{{43,200}}"),
    row("FLY_TOKEN", "fm1r_ fm1a_ fm2_", r"[A-Za-z0-9+/_\-]{43,2000}={0,3}", in_run=False),
    row("FIGMA_TOKEN", "figd_ figo_", rf"{U}{{36,44}}"),
)
