"""`quire admin`: tenants and API keys, for operators."""

import argparse
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from quire.admin.v1.tenant_pb2 import ApiKey, Tenant
from quire_client.admin import AdminClient
from quire_client.command import admin_broker
from quire_client.command.arguments import add_admin_command, duration, tier
from quire_client.command.exits import CommandError, Exit
from quire_client.command.messages import json_of
from quire_client.command.output import local_time, note, write_document, write_line, write_table, write_text
from quire_client.statuses import tier_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_TENANT_HEADING = ("id", "name", "tier", "overrides", "created")
_KEY_HEADING = ("id", "prefix", "name", "user", "created", "expires", "revoked")
_WORDS = "quire admin"

Listed = TypeVar("Listed", bound=Message)


def register(commands: "Commands") -> None:
    """Add the group; its commands need QUIRE_ADMIN_TOKEN."""
    group = commands.add_parser(
        "admin",
        help="Tenants, keys, dead letters and queues, for operators.",
        description="Needs QUIRE_ENDPOINT and QUIRE_ADMIN_TOKEN.",
    )
    admin = group.add_subparsers(metavar="COMMAND", required=True)
    _register_tenants(admin)
    _register_keys(admin)
    admin_broker.register(admin)


def _register_tenants(admin: "Commands") -> None:
    example = f"  {_WORDS} create-tenant --tenant acme --tier PLUS"
    parser = add_admin_command(admin, "create-tenant", "Create a tenant.", example, create_tenant)
    _add_tenant(parser)
    parser.add_argument("--tier", type=tier, required=True, help="FREE, PLUS, GROWTH or ENTERPRISE")
    add_admin_command(admin, "list-tenants", "List tenants by name.", f"  {_WORDS} list-tenants --json", list_tenants)
    example = f"  {_WORDS} set-tier --tenant acme --tier ENTERPRISE"
    parser = add_admin_command(admin, "set-tier", "Move a tenant to a tier; new batches only.", example, set_tier)
    _add_tenant(parser)
    parser.add_argument("--tier", type=tier, required=True, help="FREE, PLUS, GROWTH or ENTERPRISE")


def _register_keys(admin: "Commands") -> None:
    example = (
        f"  {_WORDS} create-key --tenant acme --tier PLUS --user ana\n"
        f"  export QUIRE_API_KEY=$({_WORDS} create-key --tenant acme --json | jq -r .key)"
    )
    parser = add_admin_command(admin, "create-key", "Make an API key; it is shown once.", example, create_key)
    _add_tenant(parser)
    parser.add_argument("--tier", type=tier, help="creates a missing tenant with this tier")
    parser.add_argument("--user", default="owner", help="the user the key acts for (owner)")
    parser.add_argument("--name", default="", help="what the key is for")
    parser.add_argument("--expires-in", type=duration, metavar="90d", help="when it stops being valid; else never")
    example = f"  {_WORDS} list-keys --tenant acme"
    _add_tenant(add_admin_command(admin, "list-keys", "List the keys of a tenant.", example, list_keys))
    _register_rotation(admin)
    example = f"  {_WORDS} revoke-key 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10"
    parser = add_admin_command(admin, "revoke-key", "Make a key invalid within a minute.", example, revoke_key)
    parser.add_argument("key", metavar="ID", help="id of the key, from list-keys")


def _register_rotation(admin: "Commands") -> None:
    example = f"  {_WORDS} rotate-key 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10 --overlap 2d"
    parser = add_admin_command(
        admin, "rotate-key", "Make a key in the place of another; it is shown once.", example, rotate_key
    )
    parser.add_argument("key", metavar="ID", help="id of the key to replace, from list-keys")
    parser.add_argument(
        "--overlap", type=duration, metavar="24h", help="how long the old key stays valid, up to 7d (24h)"
    )
    parser.add_argument("--expires-in", type=duration, metavar="90d", help="when the new key ends; else never")


def _add_tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", required=True, metavar="NAME", help="name of the tenant")


async def create_tenant(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Create it, or answer the one there is."""
    _write_tenant(await admin.create_tenant(arguments.tenant, arguments.tier), as_json=arguments.json)
    return 0


async def list_tenants(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Write a line per tenant."""
    await _write_all(admin.list_tenants(), arguments, _TENANT_HEADING, _tenant_row)
    return 0


async def set_tier(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Change it for new batches."""
    tenant = await _tenant(admin, arguments.tenant)
    _write_tenant(await admin.update_tenant(tenant.id, tier=arguments.tier), as_json=arguments.json)
    return 0


async def create_key(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Make a key and show it once."""
    tenant = await _tenant_for_key(admin, arguments)
    made = await admin.create_api_key(tenant.id, arguments.user, arguments.name, _expire_time(arguments))
    if arguments.json:
        write_document({"tenant_id": tenant.id, "key": made.secret, "prefix": made.api_key.prefix})
    else:
        note(f"Key of user {arguments.user} of tenant {tenant.name} ({tier_name(tenant.tier)}); it is shown this once:")
        write_text(made.secret)
    return 0


async def list_keys(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Write a line per key."""
    tenant = await _tenant(admin, arguments.tenant)
    await _write_all(admin.list_api_keys(tenant.id), arguments, _KEY_HEADING, _key_row)
    return 0


async def rotate_key(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Make another key and show it once."""
    made = await admin.rotate_api_key(arguments.key, arguments.overlap, _expire_time(arguments))
    if arguments.json:
        ends = json_of(made.replaced)["expire_time"]
        write_document(
            {"id": made.api_key.id, "key": made.secret, "prefix": made.api_key.prefix, "replaced_expire_time": ends}
        )
    else:
        ends = local_time(made.replaced.expire_time)
        note(f"Key {made.replaced.prefix}… is valid until {ends}. The new one is shown this once:")
        write_text(made.secret)
    return 0


def _expire_time(arguments: argparse.Namespace) -> datetime | None:
    return datetime.now(UTC) + arguments.expires_in if arguments.expires_in else None


async def revoke_key(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Make it invalid."""
    api_key = await admin.revoke_api_key(arguments.key)
    if arguments.json:
        write_document(json_of(api_key))
    else:
        write_text(f"Key {api_key.prefix}… is revoked; within a minute no service takes it any more.")
    return 0


async def _tenant_for_key(admin: AdminClient, arguments: argparse.Namespace) -> Tenant:
    tenant = await _find(admin, arguments.tenant)
    if tenant is None and arguments.tier is not None:
        return await admin.create_tenant(arguments.tenant, arguments.tier)
    if tenant is None:
        raise CommandError(f"there is no tenant {arguments.tenant!r}", "Give --tier to create it.", Exit.NOT_FOUND)
    if arguments.tier not in (None, tenant.tier):
        note(f"Tenant {tenant.name} keeps its tier {tier_name(tenant.tier)}; `{_WORDS} set-tier` changes it.")
    return tenant


async def _tenant(admin: AdminClient, name: str) -> Tenant:
    tenant = await _find(admin, name)
    if tenant is None:
        raise CommandError(f"there is no tenant {name!r}", f"`{_WORDS} list-tenants` shows all.", Exit.NOT_FOUND)
    return tenant


async def _find(admin: AdminClient, name: str) -> Tenant | None:
    async for tenant in admin.list_tenants():
        if tenant.name == name:
            return tenant
    return None


async def _write_all(
    listed: AsyncIterator[Listed],
    arguments: argparse.Namespace,
    heading: Sequence[str],
    row: Callable[[Listed], Sequence[object]],
) -> None:
    if arguments.json:
        async for message in listed:
            write_line(json_of(message))
    else:
        write_table(heading, [row(message) async for message in listed])


def _write_tenant(tenant: Tenant, *, as_json: bool) -> None:
    if as_json:
        write_document(json_of(tenant))
    else:
        write_table(_TENANT_HEADING, [_tenant_row(tenant)])


def _tenant_row(tenant: Tenant) -> Sequence[object]:
    overrides = ", ".join(f"{name}={value}" for name, value in sorted(tenant.limit_overrides.items()))
    return tenant.id, tenant.name, tier_name(tenant.tier), overrides, local_time(tenant.create_time)


def _key_row(key: ApiKey) -> Sequence[object]:
    times = (local_time(key.create_time), local_time(key.expire_time), local_time(key.revoke_time))
    return key.id, key.prefix, key.name, key.user_id, *times
