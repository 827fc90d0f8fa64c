# SPDX-License-Identifier: Apache-2.0
"""Whose price list a provider's name means.

Telemetry names providers as `gen_ai.provider.name` does, as its earlier generations did, or as a
framework calls the class it used. genai-prices knows its own ids and guesses from parts of words:
`azure.ai.openai` would be OpenAI to it, and `x_ai` nobody. So this table is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Name as telemetry has it, in lower case, to the id in genai-prices.
ALIASES: Final[Mapping[str, str]] = {
    # OpenTelemetry, today's names and earlier ones
    "openai": "openai",
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "vertex_ai": "google",
    "gemini": "google",
    "groq": "groq",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "perplexity": "perplexity",
    "x_ai": "x-ai",
    "xai": "x-ai",
    # OpenInference, Traceloop, Vercel AI SDK, LangChain's names of integrations
    "aws": "aws",
    "amazon": "aws",
    "bedrock": "aws",
    "amazon-bedrock": "aws",
    "amazon_bedrock": "aws",
    "bedrock_converse": "aws",
    "azure": "azure",
    "azure-openai": "azure",
    "azure_openai": "azure",
    "azure_ai": "azure",
    "google": "google",
    "google-vertex": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google_anthropic_vertex": "google",
    "vertex": "google",
    "vertexai": "google",
    "mistral": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshotai": "moonshotai",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "fireworks.ai": "fireworks",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "together.ai": "together",
    "voyage": "voyageai",
    "voyageai": "voyageai",
    "z_ai": "zai",
    "z.ai": "zai",
    "github": "github-copilot",
    "openrouter": "openrouter",
}

#: Runs on one's own machines: nobody sends a bill, unless the overrides say what it costs. The name
#: of the model says nothing about who served it, so no other provider's price is taken.
LOCAL: Final = frozenset(
    {
        "ollama", "vllm", "lmstudio", "lm_studio", "lm-studio", "llama.cpp", "llama_cpp",
        "llamacpp", "localai", "local", "mlx", "tgi", "text-generation-inference", "sglang",
        "gpt4all", "openai_compatible", "openai-compatible", "huggingface_local", "transformers",
    }
)  # fmt: skip

#: Gateways in front of others: the real provider is the first part of the model's name.
GATEWAYS: Final = frozenset({"litellm", "portkey", "gateway", "vercel", "helicone"})


def listed(provider: str) -> str:
    """The id in genai-prices that a provider's name stands for; '' when the table has none."""
    return ALIASES.get(provider.strip().lower(), "")


__all__ = ["ALIASES", "GATEWAYS", "LOCAL", "listed"]
