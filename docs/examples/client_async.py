import asyncio

from pixwise.serve.client import AsyncClient


async def main():
    async with AsyncClient() as client:
        return await asyncio.gather(client.codes("examples/receipt.png"), client.quality("examples/scene.png"))


codes, quality = asyncio.run(main())
assert len(codes)
assert quality.sharpness
