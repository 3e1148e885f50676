"""The store on a MongoDB server."""
