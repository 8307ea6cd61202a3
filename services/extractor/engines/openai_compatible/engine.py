"""The Engine port, answered by a model behind the OpenAI protocol."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletion
from openai.types.chat.chat_completion import Choice
from openai.types.shared_params import ResponseFormatJSONSchema

from chassis.failures import FailureCode
from chassis.logs import get_logger
from extractor.domain.chunks import Chunk, chunks, merge
from extractor.domain.extraction import Extraction, JsonSchema, Usage
from extractor.domain.faults import EngineFault, is_about_the_answer
from extractor.domain.pages import ParsedDocument
from extractor.domain.schema import check_schema, derive_schema
from extractor.domain.strict_schema import answer_schema
from extractor.domain.usage import NO_PRICES, NO_USAGE, Prices, total
from extractor.engines.openai_compatible.answers import read_citations, read_object, read_values
from extractor.engines.openai_compatible.faults import fault_of, not_a_completion
from extractor.engines.openai_compatible.field_list import schema_of_fields
from extractor.engines.openai_compatible.prompts import FIELD_LIST_SCHEMA, Messages, derive_messages, extract_messages

log = get_logger()

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class OpenAiOptions:
    """Whom to ask, and how."""

    api_key: str = field(repr=False)
    model: str
    base_url: str | None = None
    """None is OpenAI itself."""
    deadline: float = 120.0
    """Seconds between two bytes of an answer; the whole of it is bounded by the attempt."""
    prices: Prices = NO_PRICES
    max_output_tokens: int | None = None
    chunk_characters: int = 200_000
    """Longer documents are asked about in parts."""


@dataclass(frozen=True, slots=True)
class _Answer:
    content: dict[str, Any]
    usage: Usage


class OpenAiEngine:
    """One document per call, no tools; the SDK's own retries are off, since retries live in the batch service."""

    def __init__(self, options: OpenAiOptions) -> None:
        self._options = options
        self._client = openai.AsyncOpenAI(
            api_key=options.api_key,
            base_url=options.base_url,
            max_retries=0,
            timeout=openai.Timeout(options.deadline, connect=CONNECT_SECONDS),
        )

    @property
    def name(self) -> str:
        """As stored with each result."""
        return "openai"

    @property
    def model(self) -> str:
        """The model asked for."""
        return self._options.model

    @property
    def provider_key(self) -> str:
        """Names the key that calls are counted under, without telling it."""
        digest = hashlib.sha256(self._options.api_key.encode()).hexdigest()[:8]
        return f"{self._client.base_url.host}:{digest}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def derive_schema(self, prompt: str) -> JsonSchema:
        """Turn an instruction into a schema; raises EngineFault when the model cannot be asked now."""
        return (await self.derive_schema_at_cost(prompt))[0]

    async def derive_schema_at_cost(self, prompt: str) -> tuple[JsonSchema, Usage]:
        """The schema and what it cost; by rule when the model's answer cannot be used."""
        try:
            answer = await self._ask(derive_messages(prompt), "field_list", FIELD_LIST_SCHEMA, strict=True)
        except EngineFault as fault:
            if not is_about_the_answer(fault):
                raise
            return derive_schema(prompt), fault.usage
        schema = schema_of_fields(prompt, answer.content)
        if schema is None or check_schema(schema):
            log.info("schema_derived_by_rule")
            return derive_schema(prompt), answer.usage
        return schema, answer.usage

    async def extract(self, document: ParsedDocument, prompt: str, schema: JsonSchema) -> Extraction:
        """Fill the schema, in one call if the text fits; raises EngineFault."""
        asked, strict = answer_schema(schema)
        answers: list[Extraction] = []
        for chunk in chunks(document.pages, self._options.chunk_characters):
            try:
                answers.append(await self._extract_chunk(chunk, prompt, asked, strict=strict))
            except EngineFault as fault:
                fault.usage = total(fault.usage, *(answer.usage for answer in answers))
                raise
        return merge(answers)

    async def _extract_chunk(self, chunk: Chunk, prompt: str, asked: JsonSchema, *, strict: bool) -> Extraction:
        answer = await self._ask(extract_messages(prompt, chunk), "extraction", asked, strict=strict)
        values = read_values(answer.content, answer.usage)
        return Extraction(values, read_citations(answer.content), answer.usage)

    async def _ask(self, messages: Messages, name: str, schema: JsonSchema, *, strict: bool) -> _Answer:
        shape: ResponseFormatJSONSchema = {
            "type": "json_schema",
            "json_schema": {"name": name, "schema": schema, "strict": strict},
        }
        try:
            completion = await self._client.chat.completions.create(
                model=self._options.model,
                messages=messages,
                response_format=shape,
                max_completion_tokens=self._options.max_output_tokens or openai.omit,
            )
        except (openai.OpenAIError, ValueError, AttributeError) as error:
            raise fault_of(error) from None
        return self._read(completion)

    def _read(self, completion: Any) -> _Answer:
        """The SDK hands on whatever came with a 200, so nothing about it is taken for granted."""
        if not isinstance(completion, ChatCompletion) or not _choices(completion):
            raise not_a_completion()
        usage = self._usage(completion)
        return _Answer(read_object(_content(_choices(completion)[0], usage), usage), usage)

    def _usage(self, completion: ChatCompletion) -> Usage:
        spent = completion.usage
        if spent is None:
            return NO_USAGE
        return self._options.prices.usage(spent.prompt_tokens or 0, spent.completion_tokens or 0)


def _choices(completion: ChatCompletion) -> list[Choice]:
    found: Any = completion.choices
    listed = cast("list[Any]", found) if isinstance(found, list) else []
    return [choice for choice in listed if isinstance(choice, Choice)]


def _content(choice: Choice, usage: Usage) -> str:
    message: Any = choice.message
    if choice.finish_reason == "content_filter":
        raise EngineFault(FailureCode.CONTENT_FILTERED, "the provider's filter stopped the answer", usage)
    if getattr(message, "refusal", None):
        raise EngineFault(FailureCode.CONTENT_REFUSED, "the model refused to answer", usage)
    if choice.finish_reason == "length":
        raise EngineFault(FailureCode.OUTPUT_TRUNCATED, "the answer was cut at the model's output limit", usage)
    content = getattr(message, "content", None)
    if not isinstance(content, str) or not content.strip():
        raise EngineFault(FailureCode.OUTPUT_SCHEMA_INVALID, "the answer is empty", usage)
    return content
